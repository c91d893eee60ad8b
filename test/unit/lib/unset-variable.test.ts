import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { allowRules } from "../../../src/lib/allow.js";
import { explainUnset, type UnsetOptions } from "../../../src/lib/unset-variable.js";
import { temporaryFolder } from "../../support/temporary-folder.js";

type Variables = Readonly<Record<string, string | undefined>>;

/** The explanation for CRM_SECRET, as one text. */
async function explain(
  env: Variables,
  options: Omit<UnsetOptions, "env"> = {},
  name = "CRM_SECRET",
): Promise<string> {
  const { problem, remedy } = await explainUnset(name, { isCommand: true, env, ...options });
  const text = `${name} ${problem}. ${remedy}.`;
  expect(text).not.toContain("canary");
  return text;
}

/** A folder with one file of variables. */
async function folderWith(text: string | Uint8Array, name = ".env"): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, name), text, { mode: 0o600 });
  return folder;
}

const notSet = "CRM_SECRET is not set. Set it, or load a file that has it with --env-file FILE.";

describe("a variable that is not set", () => {
  test("the remedy for a variable that is not set is an option of the command, or of node", async () => {
    expect(await explain({})).toBe(notSet);
    expect(await explain({}, { isCommand: false })).toBe(
      "CRM_SECRET is not set. Set it, or load a file that has it with node --env-file=FILE.",
    );
  });

  test("an empty variable is told apart from one that is not set, and in CI the usual reason is named", async () => {
    expect(await explain({ CRM_SECRET: "" })).toBe("CRM_SECRET is set, but empty. Give it a value.");
    expect(await explain({ CRM_SECRET: "\n", CI: "true" })).toBe(
      "CRM_SECRET is set, but empty. Give it a value. In CI, a job without access to a secret gets an empty variable.",
    );
  });

  test("a variable whose name differs only by upper and lower case is named", async () => {
    expect(await explain({ crm_secret: "canary" })).toBe(
      "CRM_SECRET is not set, but crm_secret is, and upper and lower case count. Correct one of the two names.",
    );
  });

  test.each(["CRM_SECRT", "CRM_SERCET", "CRMSECRET", "CRM_SECRETS"])(
    "a variable with a misspelled name is named: %s",
    async (other) => {
      expect(await explain({ [other]: "canary" })).toBe(
        `CRM_SECRET is not set, but ${other} is. Correct one of the two names.`,
      );
    },
  );

  test.each(["ERP_SECRET", "CRM_TOKEN", "CRM_SECRET_2", "SECRET", "CRM"])(
    "a variable that another server may use is not named: %s",
    async (other) => {
      expect(await explain({ [other]: "canary" })).toBe(notSet);
    },
  );

  test("variables that differ by a digit are not misspellings, nor are those without a value", async () => {
    expect(await explain({ KEY_2024: "canary" }, {}, "KEY_2025")).not.toContain("2024");
    expect(await explain({ CRM_SECRT: "" })).toBe(notSet);
  });

  test("only one misspelled variable is named, and only one that `allow` permits", async () => {
    const env = { CRM_SECRT: "canary", CRM_SECRTE: "canary" };
    expect(await explain(env)).toBe("CRM_SECRET is not set, but CRM_SECRT is. Correct one of the two names.");
    expect(await explain(env, { allow: allowRules({ env: ["CRM_SECRET"] }, "/") })).toBe(notSet);
  });
});

describe("a .env file beside the config", () => {
  test.each([".env", ".env.local", ".env.development", ".env.development.local", ".env.production"])(
    "the message names %s if it has the variable",
    async (name) => {
      const folder = await folderWith("# comment\nOTHER=1\nexport CRM_SECRET='canary'\n", name);
      const file = join(folder, name);
      expect(await explain({}, { folder })).toBe(
        `CRM_SECRET is not set, but ${file} has it. Load that file with --env-file ${file}, or set it.`,
      );
      expect(await explain({}, { folder, isCommand: false })).toContain(`with node --env-file=${file}`);
    },
  );

  test("a path with a space is quoted in the option", async () => {
    const folder = join(await temporaryFolder(), "my agent");
    await mkdir(folder);
    await writeFile(join(folder, ".env"), "CRM_SECRET=canary", { mode: 0o600 });
    expect(await explain({}, { folder })).toContain(`--env-file '${folder}/.env'`);
  });

  test.each(["CRM_SECRT", "crm_secret"])("a misspelled name in the file is named: %s", async (name) => {
    const folder = await folderWith(`${name}=canary`);
    const file = join(folder, ".env");
    expect(await explain({}, { folder })).toBe(
      `CRM_SECRET is not set, but ${file} has ${name}. Correct one of the two names, and load that file with --env-file ${file}.`,
    );
  });

  test("for an empty variable the message says why the file is not enough", async () => {
    const folder = await folderWith("CRM_SECRET=canary");
    expect(await explain({ CRM_SECRET: "" }, { folder })).toMatch(
      /^CRM_SECRET is set, but empty, although \S+ has a value for it\. Unset it, because variables that are set take/,
    );
  });

  test.each<[string, string | Uint8Array]>([
    ["has the name only in a comment", "# CRM_SECRET=canary"],
    ["has the name only in a value", "OTHER=CRM_SECRET"],
    ["has another name that contains it", "MY_CRM_SECRET=canary\nCRM_SECRET_2=canary"],
    ["has the variable without a value", "CRM_SECRET=\n"],
    ["is larger than 1 MiB", `CRM_SECRET=canary\n${"#".repeat(1_048_576)}`],
    ["is not text", new Uint8Array([0, 255, 1, 254])],
  ])("a file that %s is not named", async (_, text) => {
    expect(await explain({}, { folder: await folderWith(text) })).toBe(notSet);
  });

  test("a folder, a missing folder, and a file that everybody may write to are not read", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, ".env"));
    expect(await explain({}, { folder })).toBe(notSet);
    expect(await explain({}, { folder: join(folder, "none") })).toBe(notSet);
    const open = await folderWith("CRM_SECRET=canary");
    await chmod(join(open, ".env"), 0o666);
    if (process.platform !== "win32") expect(await explain({}, { folder: open })).toBe(notSet);
  });

  test("a file that `allow` does not name is not read", async () => {
    const folder = await folderWith("CRM_SECRET=canary");
    const refused = allowRules({ env: ["*"], files: [join(folder, "keys")] }, folder);
    expect(await explain({}, { folder, allow: refused })).toBe(notSet);
    const allowed = allowRules({ env: ["*"], files: [".env"] }, folder);
    expect(await explain({}, { folder, allow: allowed })).toContain(".env has it");
  });
});
