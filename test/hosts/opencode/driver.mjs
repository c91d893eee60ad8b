// Starts `opencode serve`, and asks it each line of stdin in a session of its own.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const opencode = spawn(command(), ["serve", "--hostname", "127.0.0.1"], {
  stdio: ["ignore", "pipe", "inherit"],
});
opencode.once("exit", (code) => process.exit(code ?? 1));
const url = await new Promise((resolve) => {
  createInterface({ input: opencode.stdout }).on("line", (line) => {
    console.error(line);
    const [origin] = /http:\/\/\S+/.exec(line) ?? [];
    if (origin !== undefined) resolve(origin);
  });
});
createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);

async function ask(question) {
  const { id } = await post("/session", {});
  const { parts } = await post(`/session/${id}/message`, { parts: [{ type: "text", text: question }] });
  return parts.flatMap(({ type, text }) => (type === "text" ? text : [])).join(" ");
}

async function post(path, body) {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return await response.json();
}

/** Returns the program that opencode's install script would choose. The tests install without scripts. */
function command() {
  const needsBaseline =
    process.platform === "linux" && process.arch === "x64" && !/\bavx2\b/.test(readFileSync("/proc/cpuinfo"));
  const name = `opencode-${process.platform}-${process.arch}${needsBaseline ? "-baseline" : ""}`;
  return createRequire(import.meta.url).resolve(`${name}/bin/opencode`);
}
