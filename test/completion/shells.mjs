// Types into shells on a terminal of their own.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const prompt = "ready> ";

/** Types keys into a shell after its prompt. Returns the arguments that the command got. */
export async function press(shell, keys, project) {
  const { folder } = project;
  const script = completionScript(shell, project);
  const { command, env } = shells[shell](folder, script);
  const child = spawn("script", ["-qec", `exec ${command}`, "/dev/null"], {
    cwd: folder,
    env: { ...environment(folder), ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let screen = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (chunk) => {
    const wasReady = screen.includes(prompt);
    screen += chunk;
    // What comes after Tab waits until the shell has completed the line.
    if (!wasReady && screen.includes(prompt)) child.stdin.write(`${keys}exit\n`);
  });
  await new Promise((resolve) => child.once("close", resolve));
  return [...screen.matchAll(/^ARG<(.*)>\r?$/gm)].map(([, argument]) => argument);
}

const shells = {
  bash(folder, script) {
    const file = join(folder, ".bashrc");
    writeFileSync(file, `PS1='${prompt}'\nbind 'set bell-style none'\n. '${script}'\n`);
    return { command: `bash --noprofile --rcfile '${file}' -i`, env: {} };
  },
  zsh(folder, script) {
    const file = join(folder, ".zshrc");
    // By default, Tab first expands the word before the cursor, whatever the command: `$(…)` is run.
    const tab = "bindkey '^I' complete-word";
    writeFileSync(
      file,
      `PS1='${prompt}'\nunsetopt beep\nautoload -Uz compinit\ncompinit -u -D\n${tab}\n. '${script}'\n`,
    );
    return { command: "zsh -i", env: { ZDOTDIR: folder } };
  },
};

/** Returns what fish offers for a line, without the descriptions. */
export function fishOffers(line, project) {
  const script = completionScript("fish", project);
  const load = "source $argv[1]; complete -C$argv[2]";
  const { stdout } = spawnSync("fish", ["--no-config", "-c", load, script, line], {
    ...{ cwd: project.folder, env: environment(project.folder), encoding: "utf8" },
  });
  return stdout
    .split("\n")
    .filter((each) => each !== "")
    .map((each) => each.split("\t")[0]);
}

function completionScript(shell, { folder, cli }) {
  const { stdout } = spawnSync(process.execPath, ["--", cli, "completion", shell], { encoding: "utf8" });
  mkdirSync(join(folder, ".scripts"), { recursive: true });
  const file = join(folder, ".scripts", shell);
  writeFileSync(file, stdout);
  return file;
}

function environment(folder) {
  return { PATH: `${join(folder, "bin")}:${process.env.PATH}`, HOME: folder, TERM: "dumb", LANG: "C.UTF-8" };
}
