// `npm run test:terminal`: answers the questions of the built command on a terminal of its own. The last line is
// `N passed, N failed`.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { startServers } from "./servers.mjs";
import { openTerminal } from "./terminal.mjs";

if (spawnSync("script", ["--version"], { stdio: "ignore" }).error !== undefined) {
  console.error("Install script: on Debian, bsdutils.");
  process.exit(1);
}

const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const enter = "\r";
let passed = 0;
let failed = 0;

async function check(name, work, beforeAnswer) {
  const folder = await mkdtemp(join(tmpdir(), "terminal-"));
  await mkdir(join(folder, ".git"));
  const servers = await startServers(beforeAnswer);
  const command = `'${process.execPath}' '${cli}' init ${servers.url}`;
  const terminals = [];
  const open = (env, after = "") => {
    const terminal = openTerminal(command + after, { cwd: folder, env });
    terminals.push(terminal);
    return terminal;
  };
  try {
    await work({ folder, servers, open });
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${inspect(error)}`);
  } finally {
    for (const terminal of terminals) terminal.close();
    servers.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const issuerQuestion = "Send the client's credentials";
const questions = [
  "Name of the server",
  issuerQuestion,
  "Client id",
  "The client has",
  ".gitignore with .env",
];

/** Presses Enter at each question. The issuer needs a yes. */
async function pressEnterAtEach(terminal, key = enter, asked = questions) {
  for (const question of asked) {
    await terminal.until(question);
    terminal.type(question === issuerQuestion ? "y" : key);
  }
}

async function assertDefaults(folder, { url, issuer }) {
  const client = { issuer, id: "${CRM_CLIENT_ID}", secret: { env: "CRM_SECRET" } };
  assert.deepEqual(JSON.parse(await readFile(join(folder, "mcp-auth.config.json"), "utf8")), {
    servers: { crm: { url, grant: { client } } },
  });
  assert.equal(await readFile(join(folder, ".gitignore"), "utf8"), ".env\n");
}

for (const [name, key] of [
  ["Enter", enter],
  ["a line feed", "\n"],
]) {
  await check(`${name} at every question means what it shows`, async ({ folder, servers, open }) => {
    const terminal = open();
    await pressEnterAtEach(terminal, key);
    assert.equal(await terminal.ended, 0);
    await assertDefaults(folder, servers);
  });
}

await check(
  "an answer that the person has deleted means what the question shows",
  async ({ folder, servers, open }) => {
    const terminal = open();
    await terminal.until(questions[0]);
    // Ctrl+U deletes the line.
    terminal.type(`\u0015${enter}`);
    await pressEnterAtEach(terminal, enter, questions.slice(1));
    assert.equal(await terminal.ended, 0);
    await assertDefaults(folder, servers);
  },
);

{
  let terminal;
  await check(
    "what is typed before a question is no answer to it",
    async ({ folder, servers, open }) => {
      terminal = open();
      await pressEnterAtEach(terminal);
      assert.equal(await terminal.ended, 0);
      await assertDefaults(folder, servers);
    },
    async () => {
      terminal.type(`abc${enter}`);
      // The terminal shows it, so it has it.
      while (!terminal.raw().includes("abc\r\n")) await new Promise(setImmediate);
    },
  );
}

await check(
  "Ctrl+C at a question ends with 130, restores the terminal and writes nothing",
  async ({ folder, open }) => {
    for (const [key, question] of [
      ["\u0003", questions[0]],
      ["\u0004", questions[2]],
    ]) {
      const terminal = open({}, '; echo "code $?"; stty -a');
      await pressEnterAtEach(terminal, enter, questions.slice(0, questions.indexOf(question)));
      await terminal.until(question);
      terminal.type(key);
      await terminal.until("code 130");
      await terminal.ended;
      assert.match(terminal.text(), /[^-]icanon/);
      assert.match(terminal.text(), /[^-]echo\b/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what a terminal gets
      const cursor = [...terminal.raw().matchAll(/\u001b\[\?25([hl])/g)].at(-1)?.[1];
      assert.equal(cursor, "h", "The cursor is hidden.");
      await assert.rejects(readFile(join(folder, "mcp-auth.config.json")), { code: "ENOENT" });
    }
  },
);

{
  let terminal;
  await check(
    "after a second, the terminal shows what the command waits for, and then only the question",
    async ({ servers, open }) => {
      terminal = open();
      await terminal.until(`Asking ${new URL(servers.url).host}`);
      await terminal.until(questions[0]);
      terminal.type("\u0003");
      assert.equal(await terminal.ended, 130);
    },
    async () => {
      while (!terminal.text().includes("Asking ")) await new Promise((resolve) => setTimeout(resolve, 20));
    },
  );
}

await check("NO_COLOR turns off all colors, and without it there are some", async ({ open }) => {
  // Colors are 30 to 37, 39, 90 to 97.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what a terminal gets
  const color = /\u001b\[(?:\d+;)*(?:3[0-79]|9[0-7])m/;
  for (const [env, expected] of [
    [{}, true],
    [{ NO_COLOR: "1" }, false],
  ]) {
    const terminal = open(env);
    await terminal.until(questions[0]);
    terminal.type("\u0003");
    assert.equal(await terminal.ended, 130);
    assert.equal(color.test(terminal.raw()), expected);
  }
});

await check("in CI, no question is asked", async ({ open }) => {
  const terminal = open({ CI: "true" });
  assert.equal(await terminal.ended, 2);
  assert.match(terminal.text(), /npx mcp-auth-runtime init http:\S+ --issuer http:/);
});

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
