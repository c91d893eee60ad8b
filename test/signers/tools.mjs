import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The usual paths of SoftHSM's library. */
const modules = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib64/softhsm/libsofthsm2.so",
  "/usr/local/lib/softhsm/libsofthsm2.so",
  "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];

/** Returns the path of SoftHSM's library, or a sentence about what is missing. */
export function findTools() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const missing = ["sh", "openssl", "softhsm2-util", "pkcs11-tool"].filter(
    (tool) => !folders.some((folder) => existsSync(join(folder, tool))),
  );
  const module = modules.find((path) => existsSync(path));
  if (missing.length === 0 && module !== undefined) return { module };
  const what = missing.length > 0 ? missing.join(", ") : "SoftHSM's library";
  return { problem: `Not found: ${what}. On Debian: apt-get install openssl softhsm2 opensc` };
}

/** Runs a tool and returns its output. */
export async function tool(environment, command, ...args) {
  const { stdout } = await run(command, args, { env: environment });
  return stdout;
}
