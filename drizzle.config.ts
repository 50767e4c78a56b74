// Migrations are written by `pnpm db:generate`; STRICT and the view are added by hand, once (drizzle-kit cannot emit them).
export default {
  dialect: "sqlite",
  schema: [
    "./src/db/schema.ts",
    "./src/db/server-schema.ts",
    "./src/db/failures-schema.ts",
    "./src/db/adoption-schema.ts",
    "./src/db/vote-pictures-schema.ts",
    "./src/db/page-schema.ts",
  ],
  out: "./migrations",
  casing: "snake_case",
};
