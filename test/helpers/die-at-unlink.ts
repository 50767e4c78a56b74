import { syncBuiltinESMExports } from "node:module";
import promises from "node:fs/promises";

// node --import die-at-unlink.ts …: the process kills itself before it deletes its DIE_AT_UNLINK-th image.

const dieAt = Number(process.env["DIE_AT_UNLINK"] ?? 0);
let unlinked = 0;
promises.unlink = new Proxy(promises.unlink, {
  apply(unlink, self, args: Parameters<typeof promises.unlink>) {
    if (String(args[0]).endsWith(".png") && ++unlinked === dieAt) process.kill(process.pid, "SIGKILL"); // A signal to itself: nothing runs after it.
    return Reflect.apply(unlink, self, args);
  },
});
syncBuiltinESMExports();
