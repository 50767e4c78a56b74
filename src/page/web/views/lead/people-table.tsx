import type { LeadAnswer, Quality } from "../../../api.ts";
import type { Strings } from "../../strings/strings.ts";
import { useStrings } from "../../strings/use-strings.ts";

/** What stands for a number that there is nothing to take of. */
const NONE = "–";
const WHEN: Intl.DateTimeFormatOptions = { dateStyle: "short", timeStyle: "short" };

/** A row for each person, and one for all. */
export function PeopleTable({ numbers: { all, annotators } }: { readonly numbers: LeadAnswer }) {
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
