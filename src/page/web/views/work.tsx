import { useEffect, useState } from "preact/hooks";
import type { Language, SessionAnswer } from "../../api.ts";
import { Desk, type DeskState } from "../desk.ts";
import { waitForOnlyTab } from "../browser-tabs.ts";
import { useStrings } from "../strings/language.ts";
import { openVoteStore } from "../vote-store.ts";
import { Choose } from "./choose.tsx";
import { Message, RefusedNote, StatusLine } from "./messages.tsx";
import { useCommands } from "./use-commands.ts";

interface WorkProps {
  readonly session: SessionAnswer;
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
}

/** One person's work. Opens once no other tab has it. */
export function Work(props: WorkProps) {
  const strings = useStrings();
  const { dataset, annotator } = props.session;
  const [desk, setDesk] = useState<Desk | null>(null);
  const [isElsewhere, setElsewhere] = useState(false);
  useEffect(() => {
    const open = async (): Promise<void> => {
      await waitForOnlyTab(`comfy-dpo/${dataset}/${annotator}`, () => setElsewhere(true));
      const store = await openVoteStore(dataset, annotator).catch(() => null);
      const opened = new Desk(props.session, store);
      setDesk(opened);
      await opened.start();
    };
    void open();
    // A session is requested once.
  }, [dataset, annotator]);
  if (desk !== null) return <AtDesk {...props} desk={desk} />;
  return <Message title={isElsewhere ? strings.otherTab.title : strings.loading}>{isElsewhere && <p>{strings.otherTab.text}</p>}</Message>;
}

/** Shows the task on screen, or why there is none. */
function AtDesk({ desk, session, language, onLanguage }: WorkProps & { readonly desk: Desk }) {
  const strings = useStrings();
  const state = useDesk(desk);
  const [task] = state.tasks;
  // Undo also works when nothing is left to do.
  useCommands(({ kind }) => kind === "undo" && void desk.undo(), state.phase === "empty");
  if (state.phase === "working" && task !== undefined) {
    return <Choose desk={desk} state={state} session={session} task={task} language={language} onLanguage={onLanguage} />;
  }
  const unsent = state.unsent.toLocaleString(strings.tag);
  const again = (
    <button type="button" onClick={() => desk.retry()}>
      {strings.notReachable.again}
    </button>
  );
  return (
    <>
      {state.phase === "loading" && <Message title={strings.loading} />}
      {state.phase === "signed-out" && (
        <Message title={strings.signedOut.title}>
          <p>{strings.signedOut.text}</p>
          {state.unsent > 0 && <p>{strings.signedOut.waiting(unsent)}</p>}
          {again}
        </Message>
      )}
      {state.phase === "unreachable" && (
        <Message title={strings.notReachable.title}>
          <p>{strings.notReachable.text}</p>
          {again}
          <StatusLine state={state} />
        </Message>
      )}
      {state.phase === "empty" && (
        <Message title={strings.end.title}>
          <p>{strings.end.text}</p>
          <p>{strings.end.done(state.progress.done.toLocaleString(strings.tag))}</p>
          <p class="quiet">{strings.moreLater}</p>
          <button type="button" data-action="undo" onClick={() => void desk.undo()}>
            {strings.undo} <kbd aria-hidden="true">Z</kbd>
          </button>
          {session.role === "lead" && (
            <p>
              <a href="/lead">{strings.lead.open}</a>
            </p>
          )}
          <StatusLine state={state} />
        </Message>
      )}
      <RefusedNote refused={state.refused} onDismiss={() => desk.dismissRefused()} />
    </>
  );
}

/** Returns the desk's state, and follows it. */
function useDesk(desk: Desk): DeskState {
  const [state, setState] = useState(desk.state);
  useEffect(() => {
    setState(desk.state);
    return desk.subscribe(() => setState(desk.state));
  }, [desk]);
  return state;
}
