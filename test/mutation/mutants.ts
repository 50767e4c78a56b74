import { parseSync } from "vite";

/** One small change of a file, which its tests should notice. */
export interface Mutant {
  readonly line: number;
  /** The changed lines, without line breaks: with `after` the mutant's key, which edits elsewhere in the file leave alone. */
  readonly before: string;
  readonly after: string;
  /** The whole changed file. */
  readonly code: string;
}

interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

type Replace = (start: number, end: number, text: string) => void;

const SWAPPED: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*",
  "%": "*",
  "**": "*",
  "&": "|",
  "|": "&",
  "<<": ">>",
  ">>": "<<",
  ">>>": "<<",
  "&&": "||",
  "||": "&&",
  "+=": "-=",
  "-=": "+=",
  "*=": "/=",
  "/=": "*=",
};

/** Returns every mutant of a TypeScript source, in its order. Texts of errors and names of properties and modules are left alone. */
export function createMutants(source: string): readonly Mutant[] {
  const mutants: Mutant[] = [];
  const replace: Replace = (start, end, text) => {
    const code = source.slice(0, start) + text + source.slice(end);
    if (parseSync("mutant.ts", code).errors.length > 0) return;
    const from = source.lastIndexOf("\n", start - 1) + 1;
    const lineEnd = source.indexOf("\n", end);
    const to = lineEnd < 0 ? source.length : lineEnd;
    mutants.push({
      line: source.slice(0, start).split("\n").length,
      before: inOneLine(source.slice(from, to)),
      after: inOneLine(source.slice(from, start) + text + source.slice(end, to)),
      code,
    });
  };
  walk(parseSync("source.ts", source).program as unknown as SyntaxNode, source, replace);
  return mutants;
}

function inOneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

function walk(node: SyntaxNode, source: string, replace: Replace): void {
  if (node.type.startsWith("TS") && !WITH_CODE.has(node.type)) return;
  if (node.type === "ImportDeclaration" || node.type === "ExportAllDeclaration" || isError(node)) return;
  mutate(node, source, replace);
  for (const [key, value] of Object.entries(node)) {
    if (key === "key" || key === "typeAnnotation" || key === "returnType" || key === "typeArguments" || key === "typeParameters") continue;
    if (isSetting(node, key)) continue;
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, source, replace);
  }
}

/** A number with a name, as `maxMs: 20_000`: one more or less is no fault, and a test of it would only say it twice. */
function isSetting({ type, value, init }: SyntaxNode, key: string): boolean {
  const named = type === "Property" && key === "value" ? value : type === "VariableDeclarator" && key === "init" ? init : null;
  return isNode(named) && named.type === "Literal" && typeof named["value"] === "number" && named["value"] > 1;
}

/** What TypeScript writes around code that runs. */
const WITH_CODE = new Set(["TSAsExpression", "TSNonNullExpression", "TSSatisfiesExpression"]);

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

/** Errors are for people to read: tests hold what they must say, not each of their words. */
function isError({ type, callee }: SyntaxNode): boolean {
  return type === "NewExpression" && isNode(callee) && typeof callee["name"] === "string" && callee["name"].endsWith("Error");
}

function mutate(node: SyntaxNode, source: string, replace: Replace): void {
  const { start, end } = node;
  const text = (part: unknown): string => (isNode(part) ? source.slice(part.start, part.end) : "");
  const negate = (part: unknown): void => {
    // The `!` of a condition that has one is removed below.
    if (isNode(part) && part["operator"] !== "!") replace(part.start, part.end, `!(${text(part)})`);
  };
  switch (node.type) {
    case "BinaryExpression":
    case "LogicalExpression":
    case "AssignmentExpression": {
      const { left, right, operator } = node;
      if (!isNode(left) || !isNode(right)) return;
      if (operator === "??") return replace(start, end, text(left));
      const swapped = SWAPPED[String(operator)];
      if (swapped === undefined || (operator === "+" && (isText(left) || isText(right)))) return;
      return replace(left.end, right.start, ` ${swapped} `);
    }
    case "IfStatement":
    case "ConditionalExpression":
    case "WhileStatement":
      return negate(node["test"]);
    case "UnaryExpression":
      if (node["operator"] === "!" || node["operator"] === "-") replace(start, end, text(node["argument"]));
      return;
    case "UpdateExpression":
      return replace(
        start,
        end,
        text(node).replace(/\+\+|--/, (sign) => (sign === "++" ? "--" : "++")),
      );
    case "Literal":
      return mutateLiteral(node, replace);
    case "TemplateLiteral":
      return replace(start, end, '""');
    case "ExpressionStatement":
    case "ThrowStatement":
    case "BreakStatement":
    case "ContinueStatement":
      return replace(start, end, ";");
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression": {
      const { body } = node;
      // One statement alone is removed by itself.
      if (isNode(body) && Array.isArray(body["body"]) && body["body"].length > 1) replace(body.start, body.end, "{}");
      return;
    }
    default:
  }
}

function mutateLiteral({ start, end, value }: SyntaxNode, replace: Replace): void {
  if (typeof value === "boolean") return replace(start, end, String(!value));
  if (typeof value === "string") return replace(start, end, value === "" ? '"mutant"' : '""');
  if (typeof value === "bigint") return replace(start, end, `${value + 1n}n`);
  if (typeof value !== "number") return;
  replace(start, end, String(value + 1));
  if (value !== 0) replace(start, end, String(value - 1));
}

function isText({ type, value }: SyntaxNode): boolean {
  return type === "TemplateLiteral" || typeof value === "string";
}
