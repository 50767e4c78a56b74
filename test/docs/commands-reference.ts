import type { Command } from "commander";
import { buildProgram } from "../../src/cli.ts";

/** Options that every command takes: one table for all. */
const COMMON = new Set(["--config", "--json", "--quiet", "--log-level"]);

/** Returns docs/reference/commands.md: every command with its arguments and options, as the command line itself has them. */
export function commandsReference(): string {
  const program = buildProgram(() => Promise.resolve());
  const [first] = program.commands;
  if (first === undefined) throw new Error("the program has no command");
  const common = first.options.filter(({ long }) => COMMON.has(long ?? ""));
  return `# Commands

<!-- Written by \`pnpm docs:generate\` from src/commands/registry.ts. Edit the descriptions there. -->

Every command is started as \`pnpm pipeline COMMAND\`. \`pnpm pipeline COMMAND --help\` shows what this page says of it.
Every command takes these options:

${optionsTable(common)}

## Exit codes

| code | meaning |
| --- | --- |
| 0 | The command is done, or \`--until\` or \`--for\` stopped it. |
| 1 | The command cannot go on: no server, no credentials, no bucket, a full disk, or a second process at the same work. |
| 2 | The command line or the configuration is wrong. Nothing was done. |
| 3 | The command is done, but candidates failed, images were rejected or not adopted, or groups were not judged. |
| 70 | Internal error: a bug in comfy-dpo. |
| 130 | You interrupted the command. All work in flight was settled first. |
| 141 | The reader of the output went away (\`… \\| head\`). Work in flight was settled first. |

With \`--json\` every line of stdout is one event. The last one is \`{"event":"done","exit":…}\`, whatever the end.

${program.commands.map(sectionOf).join("\n\n")}
`;
}

function sectionOf(command: Command): string {
  const own = command.options.filter(({ long }) => !COMMON.has(long ?? ""));
  const args = command.registeredArguments;
  const usage = ["pnpm pipeline", command.name(), ...args.map((arg) => (arg.required ? `<${nameOf(arg)}>` : `[${nameOf(arg)}]`))].join(" ");
  return [
    `## ${command.name()}`,
    sentence(command.description()),
    `\`\`\`console\n$ ${usage}${own.length > 0 ? " [options]" : ""}\n\`\`\``,
    ...(args.length > 0
      ? [["| argument | meaning |", "| --- | --- |", ...args.map((arg) => row(nameOf(arg), arg.description))].join("\n")]
      : []),
    ...(own.length > 0 ? [optionsTable(own)] : []),
  ].join("\n\n");
}

function nameOf(arg: Command["registeredArguments"][number]): string {
  return `${arg.name()}${arg.variadic ? "..." : ""}`;
}

function optionsTable(options: Command["options"]): string {
  return [
    "| option | meaning |",
    "| --- | --- |",
    ...options.map(({ flags, description, defaultValue, argChoices }) => {
      const choices = argChoices === undefined ? "" : `: ${argChoices.join(", ")}`;
      return row(flags, description + choices + (defaultValue === undefined ? "" : ` (default: ${String(defaultValue)})`));
    }),
  ].join("\n");
}

function row(name: string, meaning: string): string {
  return `| \`${name.replaceAll("|", "\\|")}\` | ${meaning.replaceAll("|", "\\|")} |`;
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}
