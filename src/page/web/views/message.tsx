import type { ComponentChildren } from "preact";

interface MessageProps {
  readonly title: string;
  readonly children?: ComponentChildren;
}

/** A whole page that says one thing. */
export function Message({ title, children }: MessageProps) {
  return (
    <main class="message" aria-live="polite">
      <h1>{title}</h1>
      {children}
    </main>
  );
}
