import { useState, useEffect } from "preact/hooks";
import type { Language, SessionAnswer, Task } from "../../api.ts";
import type { Command } from "../read-command.ts";
import type { Desk, DeskState } from "../desk.ts";
import { useStrings } from "../strings/language.ts";
import { ActionBar } from "./action-bar.tsx";
import { FlagsPanel } from "./flags-panel.tsx";
import { GuidelinesDialog, KeysDialog } from "./dialogs.tsx";
import { PromptBar } from "./prompt-bar.tsx";
import { RefusedNote, LastEventLine, StatusLine } from "./messages.tsx";
import { Stages } from "./stages.tsx";
import { useChoosing } from "./use-choosing.ts";
import { useCommands } from "./use-commands.ts";

interface ChooseProps {
  readonly desk: Desk;
  readonly state: DeskState;
  readonly session: SessionAnswer;
  readonly task: Task;
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
}

/** The view in which people choose: the prompt, the images and the actions. */
export function Choose({ desk, state, session, task, language, onLanguage }: ChooseProps) {
  const strings = useStrings();
  const [dialog, setDialog] = useState<"flags" | "guidelines" | "keys" | null>(null);
  const [showsNegative, setShowsNegative] = useState(false);
  const [singleKeys, setSingleKeys] = useState(true);
  const [ready, onReady] = useReady(state.tasks);
  const before = state.undone.get(task.task_id);
  const isReady = ready.has(task.task_id);
  const kind = session.task;
  const { draft, change, pickSlot, act, onKey, answered } = useChoosing({ desk, task, kind, isReady, before });
  const onCommand = (command: Command): void => {
    if (command.kind === "flags" || command.kind === "guidelines" || command.kind === "keys") setDialog(command.kind);
    else if (command.kind === "negative") setShowsNegative(!showsNegative);
    else act(command);
  };
  useCommands((command, timeStamp) => {
    onKey(timeStamp);
    onCommand(command);
  }, singleKeys);
  const onClose = (): void => setDialog(null);
  const chosen = draft.picks.tiers.flat().length;
  return (
    <main class="desk">
      <PromptBar task={task} kind={kind} step={chosen} showsCriterion={session.criteria.length > 1} showsNegative={showsNegative}>
        <LastEventLine event={state.lastEvent} answered={answered} />
        <StatusLine state={state} />
        {session.role === "lead" && <a href="/lead">{strings.lead.open}</a>}
      </PromptBar>
      <Stages
        tasks={state.tasks}
        kind={kind}
        draft={draft}
        before={before}
        ready={ready}
        onReady={onReady}
        onZoom={(zoom) => change({ zoom })}
        onPick={pickSlot}
      />
      <ActionBar
        images={task.images.length}
        isRanking={kind === "rank" && chosen > 0}
        canAnswer={isReady}
        joins={draft.picks.joins}
        isZoomed={draft.zoom !== "fit"}
        hasNegative={task.negative !== ""}
        showsNegative={showsNegative}
        onAction={(action) => onCommand({ kind: action })}
      />
      <RefusedNote refused={state.refused} onDismiss={() => desk.dismissRefused()} />
      {dialog === "flags" && <FlagsPanel task={task} flags={draft.flags} onChange={(flags) => change({ flags })} onClose={onClose} />}
      {dialog === "guidelines" && <GuidelinesDialog text={session.guidelines} onClose={onClose} />}
      {dialog === "keys" && (
        <KeysDialog language={language} onLanguage={onLanguage} singleKeys={singleKeys} onSingleKeys={setSingleKeys} onClose={onClose} />
      )}
    </main>
  );
}

/** Returns the task_ids whose images are all loaded and decoded, and a function that adds one. Tasks that are gone are forgotten. */
function useReady(tasks: readonly Task[]): readonly [ReadonlySet<string>, (taskId: string) => void] {
  const [ready, setReady] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const here = new Set(tasks.map(({ task_id }) => task_id));
    setReady((known) => ([...known].every((id) => here.has(id)) ? known : new Set([...known].filter((id) => here.has(id)))));
  }, [tasks]);
  return [ready, (taskId) => setReady((known) => new Set([...known, taskId]))];
}
