import { useEffect, useState } from "preact/hooks";
import type { LeadAnswer, Quality } from "../../api.ts";
import { AskError, askServer } from "../ask-server.ts";
import { useStrings } from "../strings/language.ts";
import { Message } from "./messages.tsx";
import type { Strings } from "../strings/strings.ts";

/** Interval at which the numbers are refreshed while the page is visible, ms. */
const REFRESH_MS = 30_000;

/** The lead's page: how much is done, and how far people agree. */
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
        {/* Wider than a tablet, so it scrolls, with the keyboard, too. */}
        <div class="wide" tabIndex={0} role="region" aria-labelledby="people">
          <PeopleTable numbers={numbers} />
        </div>
      </section>
    </main>
  );
}

/** The numbers of all work: done, left, and how far people agree. */
function WorkTable({ numbers: { all, tasks, csp_reports } }: { readonly numbers: LeadAnswer }) {
  const strings = useStrings();
  const { lead } = strings;
  const number = (value: number): string => value.toLocaleString(strings.tag);
  return (
    <table>
      <tbody>
        {Object.entries(lead.taskRows).map(([key, label]) => (
          <tr key={key}>
            <th scope="row">{label}</th>
            {/* The rows are the keys of `tasks`: see strings.ts. */}
            <td>{number(tasks[key as keyof LeadAnswer["tasks"]])}</td>
          </tr>
        ))}
        <tr>
          <th scope="row">
            {lead.alpha} <small>{lead.alphaHelp}</small>
          </th>
          <td>{all.alpha === null ? "–" : all.alpha.toFixed(3)}</td>
        </tr>
        {csp_reports > 0 && (
          <tr class="bad">
            <th scope="row">{lead.cspReports}</th>
            <td>{number(csp_reports)}</td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

/** Shown where there is no number. */
const NONE = "–";
const WHEN: Intl.DateTimeFormatOptions = { dateStyle: "short", timeStyle: "short" };

/** A row for each person, and one for all. */
function PeopleTable({ numbers: { all, annotators } }: { readonly numbers: LeadAnswer }) {
  const strings = useStrings();
  const { lead } = strings;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{lead.annotator}</th>
          {Object.entries(lead.columns).map(([key, label]) => (
            <th key={key} scope="col">
              {label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {annotators.map((person) => (
          <tr key={person.annotator} class={person.excluded ? "excluded" : ""}>
            <th scope="row">{person.annotator}</th>
            <td>{person.excluded ? `${lead.state[person.state]}, ${lead.excluded}` : lead.state[person.state]}</td>
            <QualityCells quality={person} strings={strings} />
            <td>{person.seen_at_ms === null ? lead.never : new Date(person.seen_at_ms).toLocaleString(strings.tag, WHEN)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">{lead.all}</th>
          <td />
          <QualityCells quality={all} strings={strings} />
          <td />
        </tr>
      </tfoot>
    </table>
  );
}

function QualityCells({ quality, strings }: { readonly quality: Quality; readonly strings: Strings }) {
  const number = (value: number): string => value.toLocaleString(strings.tag);
  const share = (value: number | null): string =>
    value === null ? NONE : value.toLocaleString(strings.tag, { style: "percent", maximumFractionDigits: 1 });
  const seconds = (ms: number): string =>
    strings.lead.seconds((ms / 1000).toLocaleString(strings.tag, { minimumFractionDigits: 1, maximumFractionDigits: 1 }));
  return (
    <>
      <td>{number(quality.votes)}</td>
      <td>{number(quality.skips)}</td>
      <td>{quality.median_ms === null ? NONE : seconds(quality.median_ms)}</td>
      <td>{number(quality.per_hour)}</td>
      <td>{quality.gold_votes === 0 ? NONE : strings.lead.outOf(share(quality.gold_accuracy), number(quality.gold_votes))}</td>
      <td>{quality.repeats === 0 ? NONE : strings.lead.outOf(share(quality.self_consistency), number(quality.repeats))}</td>
      <td>{share(quality.agreement)}</td>
    </>
  );
}
