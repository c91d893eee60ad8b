// Runs a shell command on a terminal of its own, with `script` of util-linux.
import { spawn } from "node:child_process";
import { stripVTControlCharacters } from "node:util";

/** Milliseconds, for a command that waits for a key that it never gets. A slow machine needs a few seconds. */
const longest = 120_000;

/** Starts a command. `typed` keys and what is on the screen go through the returned functions. */
export function openTerminal(command, { cwd, env = {} }) {
  const child = spawn("script", ["-qec", `stty cols 100 rows 40; ${command}`, "/dev/null"], {
    cwd,
    env: {
      PATH: process.env.PATH,
      HOME: cwd,
      TERM: "xterm-256color",
      LANG: "C.UTF-8",
      SHELL: "/bin/sh",
      ...env,
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const limit = setTimeout(() => child.kill(), longest);
  let raw = "";
  let seen = 0;
  let look = () => {};
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (chunk) => {
    raw += chunk;
    look();
  });
  const ended = new Promise((resolve) => {
    child.once("close", (code) => {
      clearTimeout(limit);
      look(true);
      resolve(code);
    });
  });
  const text = () => stripVTControlCharacters(raw);
  return {
    /** All output, with and without what moves the cursor and changes colors. */
    raw: () => raw,
    text,
    /** Waits until the screen shows a text after the one that was waited for before. */
    until(expected) {
      return new Promise((resolve, reject) => {
        look = (isEnd = false) => {
          const at = text().indexOf(expected, seen);
          if (at === -1 && !isEnd) return;
          look = () => {};
          if (at === -1)
            return reject(new Error(`The screen does not show ${JSON.stringify(expected)}:\n${text()}`));
          seen = at + expected.length;
          resolve();
        };
        look();
      });
    },
    type: (keys) => child.stdin.write(keys),
    /** The exit code. `null` if the command was ended. */
    ended,
    close: () => child.kill(),
  };
}
