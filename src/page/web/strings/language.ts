import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Language } from "../../api.ts";
import { en } from "./en.ts";
import type { Strings } from "./strings.ts";
import { zh } from "./zh.ts";

export const STRINGS: Readonly<Record<Language, Strings>> = { en, zh };

/** The key in localStorage of a language that somebody chose instead of the configured one. */
const KEY = "comfy-dpo-language";

/** Returns the language that the person chose, or else the configured one. */
export function chooseLanguage(configured: Language): Language {
  const own = localStorage.getItem(KEY);
  return own === "en" || own === "zh" ? own : configured;
}

/** Stores the language that the person chose. */
export function rememberLanguage(language: Language): void {
  localStorage.setItem(KEY, language);
}

/** The texts of the language in use. */
export const StringsContext = createContext<Strings>(en);

/** Returns the texts of the language in use. */
export function useStrings(): Strings {
  return useContext(StringsContext);
}
