// Migrations are written by `pnpm db:generate`; STRICT and the view are added by hand, once (drizzle-kit cannot emit them).
export default {
  dialect: "sqlite",
  schema: [
    "./src/db/schema/tables.ts",
    "./src/db/schema/servers.ts",
    "./src/db/schema/failures.ts",
    "./src/db/schema/adoption.ts",
    "./src/db/schema/vote-images.ts",
    "./src/db/schema/page.ts",
  ],
  out: "./migrations",
  casing: "snake_case",
};
