import { useEffect, useState } from "preact/hooks";
import type { LeadAnswer } from "../../../api.ts";
import { AskError, askServer } from "../../ask-server.ts";
import { useStrings } from "../../strings/use-strings.ts";
import { Message } from "../message.tsx";
import { PeopleTable } from "./people-table.tsx";
import { WorkTable } from "./work-table.tsx";

/** How often the numbers are asked for again while they are looked at, ms. */
const REFRESH_MS = 30_000;

/** The lead's page: how the work goes, and how far people agree. */
export function Lead() {
  const strings = useStrings();
  const [numbers, setNumbers] = useState<LeadAnswer | null>(null);
  const [problem, setProblem] = useState<AskError | null>(null);
  const ask = async (): Promise<void> => {
    try {
      setNumbers(await askServer<LeadAnswer>("/api/lead"));
      setProblem(null);
    } catch (error) {
      if (!(error instanceof AskError)) throw error;
      setProblem(error);
    }
  };
  useEffect(() => {
    void ask();
    const timer = setInterval(() => document.visibilityState === "visible" && void ask(), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  if (problem !== null) {
    return (
      <Message title={problem.code === "not-lead" ? strings.lead.notLead : strings.notReachable.title}>
        <p>{problem.code === "not-joined" ? strings.signedOut.text : problem.code === "not-lead" ? null : problem.message}</p>
        <button type="button" onClick={() => void ask()}>
          {strings.notReachable.again}
        </button>
        <p>
          <a href="/">{strings.lead.back}</a>
        </p>
      </Message>
    );
  }
  if (numbers === null) return <Message title={strings.loading} />;
  return (
    <main class="lead">
      <header>
        <h1>{strings.lead.title}</h1>
        <a href="/">{strings.lead.back}</a>
        <button type="button" onClick={() => void ask()}>
          {strings.lead.refresh}
        </button>
      </header>
      <section>
        <h2>{strings.lead.tasks}</h2>
        <WorkTable numbers={numbers} />
      </section>
      <section>
        <h2 id="people">{strings.lead.people}</h2>
        {/* Wider than a tablet: scrolled inside, with the keyboard, too. */}
        <div class="wide" tabIndex={0} role="region" aria-labelledby="people">
          <PeopleTable numbers={numbers} />
        </div>
      </section>
    </main>
  );
}
