import { isJsonArray, isJsonObject, type Json, type JsonObject } from "./exact-json.ts";
import { MASK } from "./terminal/hidden-words.ts";

/**
 * Words of a name, each an exact word of it or several in a row, that say that the value is a secret. Sources: the inputs of ComfyUI's
 * partner nodes (api_key_comfy_org, auth_token_comfy_org) and of the most used LLM, Civitai and Hugging Face nodes.
 */
const SECRET_WORDS: readonly (readonly string[])[] = [
  ["apikey"],
  ["api", "key"],
  ["subscription", "key"],
  ["access", "key"],
  ["secret"],
  ["private", "key"],
  ["password"],
  ["passwd"],
  ["pwd"],
  ["jwt"],
  ["cookie"],
  ["passphrase"],
  ["credential"],
  ["credentials"],
  ["authorization"],
  ["bearer"],
  ["auth", "token"],
  ["access", "token"],
  ["api", "token"],
  ["bearer", "token"],
  ["refresh", "token"],
  ["session", "token"],
  ["bot", "token"],
  ["user", "token"],
  ["hf", "token"],
  ["huggingface", "token"],
  ["civitai", "token"],
  ["github", "token"],
  ["replicate", "token"],
];
/** Secrets as whole names only: `trigger_token` and `auth_mode` are none. */
const SECRET_NAMES: ReadonlySet<string> = new Set(["token", "auth", "authtoken", "accesstoken", "apitoken", "secretkey", "privatekey"]);
/** Words of names that may stand for anything (`key` of a dictionary, `trigger_token`): their value decides. */
const DOUBTFUL_WORDS: ReadonlySet<string> = new Set(["key", "token", "pass"]);
/** A text without spaces that changes between letters and digits this often is random: nobody types it as a name. */
const RANDOM_TEXT = /^[\w.:+/=-]{16,}$/;
const RANDOM_CHANGES_MIN = 4;
/** A file's name is no secret, however long it is. */
const FILE_NAME = /\.[a-z][a-z0-9]{1,12}$/i;
/** Keys as their services write them, whatever the input is called. Sources: the services' documentation of their keys' prefixes. */
const SECRET_VALUE =
  /^(?:sk-[\w-]{16,}|hf_[A-Za-z0-9]{20,}|gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|r8_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{30,}|xai-[A-Za-z0-9]{30,}|nvapi-[\w-]{30,}|xox[abprs]-[\w-]{16,}|eyJ[\w-]{10,}\.eyJ[\w-]+\.[\w-]+|A[KS]IA[A-Z0-9]{16}|AIza[\w-]{30,}|comfyui-[0-9a-f]{32,}|[Bb]earer \S{8,})$/;

/** True for a name that says that its value is a secret: `api_key`, `openAiApiKey`, `model.auth_token`. */
export function isSecretName(name: string): boolean {
  const words = wordsOf(name.slice(name.lastIndexOf(".") + 1));
  if (SECRET_NAMES.has(words.join(""))) return true;
  return SECRET_WORDS.some((secret) => words.some((_, start) => secret.every((word, index) => words[start + index] === word)));
}

function wordsOf(name: string): readonly string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => word.replace(/\d+$/, "").replace(/(key|cookie)s$/, "$1")) // api_key2, api_keys
    .filter((word) => word !== "");
}

function isDoubtfulName(name: string): boolean {
  return wordsOf(name.slice(name.lastIndexOf(".") + 1)).some((word) => DOUBTFUL_WORDS.has(word));
}

function isRandom(value: string): boolean {
  if (!RANDOM_TEXT.test(value) || FILE_NAME.test(value)) return false;
  return [...value.matchAll(/(?<=[a-z])\d|(?<=\d)[a-z]/gi)].length >= RANDOM_CHANGES_MIN;
}

/** True for a text that is a secret by its input's name or by its own form. Links and numbers are none. */
export function isSecretInput(input: string, value: Json | undefined): boolean {
  if (typeof value !== "string" || value === "") return false;
  return isSecretName(input) || SECRET_VALUE.test(value.trim()) || (isDoubtfulName(input) && isRandom(value.trim()));
}

/** Returns a JSON value with a mask in place of each secret in it. */
export function masked(value: Json): Json {
  if (isJsonArray(value)) return value.map(masked);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, isSecretInput(name, each) ? MASK : masked(each)]));
}

/** Returns values by bound name or place without those that are secrets. */
export function withoutSecretValues(values: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => !isSecretInput(name, value)));
}
