import { join } from "node:path";
import { defineConfig } from "vite";

// The annotation page: src/page/web → dist/web, which `annotate serve` reads at its start.

export default defineConfig({
  root: join(import.meta.dirname, "src/page/web"),
  build: {
    outDir: join(import.meta.dirname, "dist/web"),
    emptyOutDir: true,
    // The page's Content-Security-Policy allows no data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
