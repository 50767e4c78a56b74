import type { LeadAnswer } from "../../../api.ts";
import { useStrings } from "../../strings/use-strings.ts";

/** How much is done and left, and how far people agree in all. */
export function WorkTable({ numbers: { all, tasks, csp_reports } }: { readonly numbers: LeadAnswer }) {
  const strings = useStrings();
  const { lead } = strings;
  const number = (value: number): string => value.toLocaleString(strings.tag);
  return (
    <table>
      <tbody>
        {Object.entries(lead.taskRows).map(([key, label]) => (
          <tr key={key}>
            <th scope="row">{label}</th>
            {/* The rows are the keys of `tasks`: strings.ts. */}
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
