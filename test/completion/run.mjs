// `npm run test:completion`: presses Tab in bash, zsh and fish with the built command, and has two formatters check the
// manual page. The last line is `N passed, N failed`.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { createProject } from "./project.mjs";
import { fishOffers, press } from "./shells.mjs";

const missing = ["bash", "zsh", "fish", "script", "mandoc", "groff"].filter(
  (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).error !== undefined,
);
if (missing.length > 0) {
  console.error(`Install ${missing.join(", ")}: on Debian, bash zsh fish bsdutils mandoc groff-base.`);
  process.exit(1);
}

const project = await createProject();
process.on("exit", () => rmSync(project.folder, { recursive: true, force: true }));
let passed = 0;
let failed = 0;

async function check(name, work) {
  rmSync(project.trap, { force: true });
  try {
    await work();
    assert.ok(!existsSync(project.trap), "The shell has run something.");
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${inspect(error)}`);
  }
}

// What is typed, with Tab as \t, and the arguments that the command then gets.
const lines = [
  ["mcp-auth-runtime tok\tc\t", ["token", "crm"]],
  ["mcp-auth tok\tc\t", ["token", "crm"]],
  ["./bin/mcp-auth tok\tc\t", ["token", "crm"]],
  ["mcp-auth-runtime store cl\tc\t", ["store", "clear", "crm"]],
  ["mcp-auth-runtime proxy --pri\tcod\t", ["proxy", "--print", "codex"]],
  ["mcp-auth-runtime proxy --print=cod\t", ["proxy", "--print=codex"]],
  ["mcp-auth-runtime --config other.json token sal\t", ["--config", "other.json", "token", "sales"]],
  ["mcp-auth-runtime token --config=other.json sal\t", ["token", "--config=other.json", "sales"]],
  ["mcp-auth-runtime token --config my\t", ["token", "--config", "my config.json"]],
  ["mcp-auth-runtime token --config=my\t", ["token", "--config=my config.json"]],
  ["mcp-auth-runtime token --config odd\t", ["token", "--config", project.oddFile]],
  ["mcp-auth-runtime exec crm -- oth\t", ["exec", "crm", "--", "other.json"]],
  // Nothing fits, so nothing changes.
  ["mcp-auth-runtime token none\t", ["token", "none"]],
  ["mcp-auth-runtime completion b\t", ["completion", "bash"]],
];
for (const shell of ["bash", "zsh"]) {
  for (const [typed, expected] of lines) {
    await check(`${shell} completes ${JSON.stringify(typed)}`, async () => {
      assert.deepEqual(await press(shell, `${typed}\n`, project), expected);
    });
  }
}

// Nothing of these may run. Ctrl+U deletes the line before Enter.
const hostile = [
  `mcp-auth-runtime $(${project.spring}) \t\t`,
  `mcp-auth-runtime token \`${project.spring}\`\t\t`,
  `mcp-auth-runtime token "$(${project.spring})" \t\t`,
  `mcp-auth-runtime --config=$(${project.spring}) token \t\t`,
  `mcp-auth-runtime token --config '$(${project.spring})' \t\t`,
  `mcp-auth-runtime proxy --print=$(${project.spring})\t\t`,
  "mcp-auth-runtime token --config hostile.json \t\t",
];
for (const shell of ["bash", "zsh"]) {
  for (const typed of hostile) {
    await check(`${shell} runs nothing of ${JSON.stringify(typed)}`, async () => {
      assert.deepEqual(await press(shell, `${typed}\u0015mcp-auth-runtime end\n`, project), ["end"]);
    });
  }
}

const offers = [
  ["mcp-auth-runtime tok", ["token"]],
  ["mcp-auth tok", ["token"]],
  ["./bin/mcp-auth token ", ["billing", "crm"]],
  ["mcp-auth-runtime store ", ["clear"]],
  ["mcp-auth-runtime proxy --print=co", ["--print=codex"]],
  ["mcp-auth-runtime token --config=other.json ", ["sales"]],
  ["mcp-auth-runtime token --config my", ["my config.json"]],
  ["mcp-auth-runtime token --config=my", ["--config=my config.json"]],
  ["mcp-auth-runtime token --config odd", [project.oddFile]],
  ["mcp-auth-runtime token none", []],
];
for (const [typed, expected] of offers) {
  await check(`fish completes ${JSON.stringify(typed)}`, () => {
    assert.deepEqual(fishOffers(typed, project), expected);
  });
}
for (const typed of hostile.map((each) => each.replaceAll("\t", ""))) {
  await check(`fish runs nothing of ${JSON.stringify(typed)}`, () => {
    fishOffers(typed, project);
    fishOffers(typed.replaceAll("$(", "("), project);
  });
}

const manual = fileURLToPath(new URL("../../man/mcp-auth-runtime.1", import.meta.url));
await check("mandoc finds nothing wrong with the manual page but that it has no date", () => {
  const { stdout } = spawnSync("mandoc", ["-Tlint", manual], { encoding: "utf8" });
  assert.deepEqual(stdout.match(/[A-Z]+: .*/g), ['WARNING: missing date, using "": TH']);
});
await check("groff formats the manual page without a warning", () => {
  // Without the bold letters, which would be each letter twice.
  const args = ["-ww", "-man", "-Tutf8", "-P-cbou", manual];
  const { stdout, stderr } = spawnSync("groff", args, { encoding: "utf8" });
  assert.equal(stderr, "");
  assert.match(stdout, /--env-file FILE/);
});
await check("the manual page has all commands", () => {
  const { stdout } = spawnSync(process.execPath, ["--", project.cli, "complete", "--", "help", ""], {
    encoding: "utf8",
  });
  const commands = stdout.trim().split("\n");
  const page = readFileSync(manual, "utf8");
  assert.ok(commands.length > 5);
  for (const line of commands) assert.match(page, new RegExp(`^\\.SS ${line.split(" ")[0]}\\b`, "m"));
});

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
