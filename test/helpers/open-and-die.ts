import Database from "better-sqlite3";
import { openDatabase } from "../../src/db/open.ts";

// node open-and-die.ts DATABASE [STATEMENT]: opens a database, bringing it up to date, and kills itself before the STATEMENT-th statement.
// Prints how many statements there were.

const [file = "", killedAt = "0"] = process.argv.slice(2);
let statements = 0;
Database.prototype.prepare = new Proxy(Reflect.get(Database.prototype, "prepare"), {
  apply(prepare, database, args) {
    statements++;
    if (statements === Number(killedAt)) process.kill(process.pid, "SIGKILL"); // A signal to itself: nothing runs after it.
    return Reflect.apply(prepare, database, args);
  },
});
openDatabase(file).close();
process.stdout.write(String(statements));
