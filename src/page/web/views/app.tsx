import { useEffect, useState } from "preact/hooks";
import type { Language, SessionAnswer } from "../../api.ts";
import { AskError, askServer, chooseBackOffMs } from "../ask-server.ts";
import { watchForOtherPerson } from "../browser-tabs.ts";
import { chooseLanguage, rememberLanguage, STRINGS, StringsContext } from "../strings/language.ts";
import { Lead } from "./lead.tsx";
import { Message } from "./messages.tsx";
import { Work } from "./work.tsx";

/** The browser's language, used until the session says which one. */
function browserLanguage(): Language {
  return navigator.language.startsWith("zh") ? "zh" : "en";
}

/** The page: asks who is signed in, then shows their work, or the overview to the lead. */
export function App({ isLead }: { readonly isLead: boolean }) {
  const [session, setSession] = useState<SessionAnswer | null>(null);
  const [problem, setProblem] = useState<AskError | null>(null);
  const [language, setLanguage] = useState<Language>(() => chooseLanguage(browserLanguage()));
  const [attempt, setAttempt] = useState(0);
  const strings = STRINGS[language];

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      try {
        const answer = await askServer<SessionAnswer>("/api/session");
        setLanguage(chooseLanguage(answer.language));
        setSession(answer);
        setProblem(null);
      } catch (error) {
        if (!(error instanceof AskError)) throw error;
        setProblem(error);
        if (error.code !== "not-joined") timer = setTimeout(() => setAttempt(attempt + 1), chooseBackOffMs(attempt + 1));
      }
    };
    void ask();
    return () => clearTimeout(timer);
  }, [attempt]);
  // The page then belongs to the other person. Unsent votes stay stored under the name of whoever made them.
  useEffect(() => (session === null ? undefined : watchForOtherPerson(session, () => location.reload())), [session]);
  useEffect(() => {
    document.documentElement.lang = strings.tag;
    document.title = isLead ? strings.lead.title : strings.title;
  }, [strings, isLead]);

  const onLanguage = (next: Language): void => {
    rememberLanguage(next);
    setLanguage(next);
  };
  return (
    <StringsContext.Provider value={strings}>
      {session !== null && isLead && <Lead />}
      {session !== null && !isLead && <Work session={session} language={language} onLanguage={onLanguage} />}
      {session === null && problem === null && <Message title={strings.loading} />}
      {session === null && problem !== null && (
        <Message title={problem.code === "not-joined" ? strings.signedOut.title : strings.notReachable.title}>
          <p>
            {problem.code === "not-joined"
              ? strings.signedOut.text
              : problem.code === "unreachable"
                ? strings.notReachable.text
                : (strings.error[problem.code] ?? problem.message)}
          </p>
          <button type="button" onClick={() => setAttempt(attempt + 1)}>
            {strings.notReachable.again}
          </button>
        </Message>
      )}
    </StringsContext.Provider>
  );
}
