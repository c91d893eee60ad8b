// `npm run soak [-- --seconds 300] [--seed N]`: two hundred managers of one runtime, while the authorization servers are
// down, slow or wrong at random, credentials rotate and tokens are revoked, and calls go on all the time. Ends by itself,
// with the line `N passed, N failed`.
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
// What the optimising compilers add to the heap for minutes is no growth of ours.
const flags = ["--expose-gc", "--no-opt", "--no-sparkplug", "--no-maglev"];
const child = spawn(process.execPath, [...flags, soak, String(seconds), String(seed)], { stdio: "inherit" });
// Whatever goes wrong, it ends.
const limit = setTimeout(() => child.kill("SIGKILL"), seconds * 1_000 + hangLimit);
child.on("exit", (code) => {
  clearTimeout(limit);
  if (code === null) console.log("It did not end by itself.\n0 passed, 1 failed");
  process.exitCode = code ?? 1;
});
