import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { commands } from "../../../src/cli/commands.js";

const page = readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8");

/** The sections by the words of their heading: `token` for "## `token SERVER`". */
const sections = new Map(
  page.split(/^## /m).flatMap((section) => {
    const [, heading] = /^`([a-z]+(?: [a-z-]+)?)\b/.exec(section) ?? [];
    return heading === undefined ? [] : [[heading, section] as const];
  }),
);

test.each([...commands.keys()])("docs/cli.md has a section for the command %s", (name) => {
  expect([...sections.keys()]).toContain(name);
  expect(page).toMatch(new RegExp(`^\\| \\[\`${name}[ \`]`, "m"));
});

test("docs/cli.md has the commands in the order of the help", () => {
  const names = [...commands.keys()];
  const rows = [...page.matchAll(/^\| \[`([a-z]+(?: [a-z-]+)?)\b/gm)].map(([, name]) => name);
  expect(rows).toEqual(names);
  expect([...sections.keys()].filter((name) => commands.has(name))).toEqual(names);
});

test.each([...commands])("docs/cli.md mentions every option of %s in its section", async (name, { load }) => {
  const { options = {} } = await load();
  const section = sections.get(name) ?? "";
  const missing = Object.keys(options).filter((option) => !new RegExp(`--${option}(?![\\w-])`).test(section));
  expect(missing).toEqual([]);
});
