import type { ComponentChildren } from "preact";
import type { Task, TaskKind } from "../../api.ts";
import { useStrings } from "../strings/language.ts";

interface PromptBarProps {
  readonly task: Task;
  readonly kind: TaskKind;
  /** Number of images chosen so far. */
  readonly step: number;
  readonly showsCriterion: boolean;
  readonly showsNegative: boolean;
  /** Shown beside the question. */
  readonly children: ComponentChildren;
}

/** The question, and the prompt with its references. Its height is fixed, so that nothing moves with another prompt. */
export function PromptBar({ task, kind, step, showsCriterion, showsNegative, children }: PromptBarProps) {
  const strings = useStrings();
  return (
    <header class="prompt-bar">
      <div class="prompt-text">
        <div class="heading">
          <h1>
            {strings.ask(kind, step)}
            {showsCriterion && (
              <span class="criterion">
                <span class="visually-hidden">{strings.criterion}: </span>
                {task.criterion}
              </span>
            )}
          </h1>
          {children}
        </div>
        {/* A new element for each task, so that a long prompt starts at its beginning. */}
        <p key={task.task_id} class="prompt" dir="auto" tabIndex={0} role="region" aria-label={strings.prompt}>
          {task.prompt}
        </p>
      </div>
      {task.references.length > 0 && (
        <ul class="references" aria-label={strings.references}>
          {task.references.map(({ thumb, full }, index) => (
            <li key={thumb}>
              <a href={full} target="_blank" rel="noreferrer">
                <img src={thumb} alt={strings.reference(index + 1)} />
              </a>
            </li>
          ))}
        </ul>
      )}
      {showsNegative && task.negative !== "" && (
        <p class="negative" tabIndex={0} role="region" aria-label={strings.negative}>
          <strong>{strings.negative}</strong> <bdi>{task.negative}</bdi>
        </p>
      )}
    </header>
  );
}
