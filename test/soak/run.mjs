// `npm run soak [-- --seconds 300] [--seed N]`: calls two hundred managers of one runtime all the time, while
// authorization servers fail at random, credentials are rotated and tokens are revoked. The last line is `N passed, N
// failed`.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { hangLimit } from "../support/hang-limit.js";
import { readOptions } from "../support/read-options.mjs";

const { values, refuse } = readOptions("npm run soak -- [--seconds 10…3600] [--seed N]", {
  options: { seconds: { type: "string", default: "60" }, seed: { type: "string" } },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
if (!(seconds >= 10 && seconds <= 3_600) || !Number.isInteger(seed)) refuse();

const soak = fileURLToPath(new URL("soak.mjs", import.meta.url));
// The optimizing compilers allocate memory for several minutes, which would look like a leak.
const flags = ["--expose-gc", "--no-opt", "--no-sparkplug", "--no-maglev"];
const child = spawn(process.execPath, [...flags, soak, String(seconds), String(seed)], { stdio: "inherit" });
// Ends the test even if it hangs.
const limit = setTimeout(() => child.kill("SIGKILL"), seconds * 1_000 + hangLimit);
child.on("exit", (code) => {
  clearTimeout(limit);
  if (code === null) console.log("The soak test did not end by itself.\n0 passed, 1 failed");
  process.exitCode = code ?? 1;
});
