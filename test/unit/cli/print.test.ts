import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { createPrinter, isPrintedUnchanged, type Printer } from "../../../src/cli/print.js";

/** Returns the texts that are written, in order, each after the name of its stream. */
function printed(print: (printer: Printer) => void, color = false): readonly string[] {
  const written: string[] = [];
  const out = (text: string) => void written.push(`out ${text}`);
  const err = (text: string) => void written.push(`err ${text}`);
  print(createPrinter({ out, err, color }));
  return written;
}

describe("the printer of a command", () => {
  test("prints results on stdout and notes on stderr, each with one line break at the end", () => {
    const written = printed((print) => {
      print.result("a\nb\n");
      print.note("c");
      print.json({ d: 1 });
      print.json([2], 2);
    });
    expect(written).toEqual(["out a\nb\n", "err c\n", 'out {"d":1}\n', "out [\n  2\n]\n"]);
  });

  test("escapes everything that a terminal acts on", () => {
    const text = "a\u001b[2J\r\u009b\u202e\u2028\u{e0001}\ud800\tb";
    const shown = "a\\u001b[2J\\u000d\\u009b\\u202e\\u2028\\udb40\\udc01\\ud800\\u0009b\n";
    expect(printed((print) => print.result(text))).toEqual([`out ${shown}`]);
    expect(printed((print) => print.note(text))).toEqual([`err ${shown}`]);
    expect(printed((print) => print.failure("error", text))).toEqual([`err error: ${shown}`]);
  });

  test.each([
    ["::error::x", "\\u003a:error::x"],
    ["a\n \u00a0\u3000::add-path::/evil", "a\n \u00a0\u3000\\u003a:add-path::/evil"],
    ["a ##[group]b", "a \\u0023#[group]b"],
    ["a ##vso[task.setvariable]b", "a \\u0023#vso[task.setvariable]b"],
    ["a ::b", "a ::b"],
    [":a", ":a"],
  ])("escapes the commands of CI runners: %j", (text, shown) => {
    expect(printed((print) => print.result(text))).toEqual([`out ${shown}\n`]);
    expect(isPrintedUnchanged(text)).toBe(text === shown);
  });

  test("prints JSON that parses to the same value", () => {
    const value = { "\u202e": ["::a", "##[b]\n", "\\\u{e0001}\ud800\u0085", 1, null] };
    for (const indent of [undefined, 2]) {
      const [text = ""] = printed((print) => print.json(value, indent));
      expect(text).toMatch(/^[\n\x20-\x7e]*$/);
      expect(JSON.parse(text.replace(/^out /, ""))).toEqual(value);
    }
  });

  test("prints the label of a failure in red if colors are on, and no other colors", () => {
    const failure = (print: Printer) => print.failure("error[x]", "\u001b[32mm");
    expect(printed(failure, true)).toEqual(["err \u001b[31merror[x]\u001b[39m: \\u001b[32mm\n"]);
    expect(printed(failure)).toEqual(["err error[x]: \\u001b[32mm\n"]);
  });
});

describe("masking a secret", () => {
  const masked = (...secrets: readonly string[]) => printed((print) => print.mask(secrets));

  test("masks it once, unchanged", () => {
    expect(masked("s3cr3t", "s3cr3t")).toEqual(["err ::add-mask::s3cr3t\n"]);
  });

  test("masks each of its lines too", () => {
    expect(masked("one\r\n\n two")).toEqual(
      ["one%0D%0A%0A two", "one\\r\\n\\n two", "one", " two"].map((value) => `err ::add-mask::${value}\n`),
    );
  });

  test("masks its JSON form too", () => {
    expect(masked('a"b\\c\u00ad')).toEqual([
      'err ::add-mask::a"b\\c\u00ad\n',
      'err ::add-mask::a\\"b\\\\c\\u00ad\n',
    ]);
  });

  test("does not mask a blank secret, which would hide everything or nothing", () => {
    expect(masked("", " \t", "\n")).toEqual([]);
  });
});

test("only the command line and the register module write to the console or the streams of the process", async () => {
  const root = fileURLToPath(new URL("../../../src", import.meta.url));
  const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith(".ts"));
  const raw = /\b(?:process\.(?:stdout|stderr)|writeSync|console\.\w+\()/;
  const found: string[] = [];
  for (const file of files) {
    const code = (await readFile(join(root, file), "utf8")).replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, "");
    if (raw.test(code)) found.push(file);
  }
  const entries = [
    "cli.ts",
    join("cli", "main.ts"),
    join("cli", "prompts.ts"),
    join("cli", "proxy", "serve-stdio.ts"),
    join("cli", "terminal.ts"),
    "register.ts",
    join("register", "start.ts"),
  ];
  expect(found.sort()).toEqual(entries.sort());
});
