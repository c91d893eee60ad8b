import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { assertHostVersion } from "../../../../src/hosts/common/host-version.js";
import { temporaryFolder } from "../../../support/temporary-folder.js";

/** Makes a package look installed in a folder above the working directory. */
async function installed(manifest: string): Promise<void> {
  const project = await temporaryFolder();
  const packageFolder = join(project, "node_modules/@acme/host");
  const folder = join(project, "packages/agent");
  await mkdir(packageFolder, { recursive: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(packageFolder, "package.json"), manifest);
  const cwd = vi.spyOn(process, "cwd").mockReturnValue(folder);
  onTestFinished(() => cwd.mockRestore());
}

const check = (minimum: string) => () => assertHostVersion("@acme/host", minimum, 'it ignores "fetch"');

test.each([
  ["1.9.9", "2.0.0"],
  ["1.2.3", "1.10.0"],
  ["1.2.3-beta.4", "1.2.4"],
])("a host in version %s is too old where %s is needed", async (version, minimum) => {
  await installed(JSON.stringify({ version }));
  expect(check(minimum)).toThrow(
    expect.objectContaining({
      code: "config_invalid",
      message: `@acme/host ${version} is too old: it ignores "fetch". Install version ${minimum} or later.`,
    }),
  );
});

test.each([
  ["2.0.0", "2.0.0"],
  ["1.10.0", "1.2.3"],
  ["2.0.0-beta.1", "2.0.0"],
  ["10.0.0+build", "9.9.9"],
])("a host in version %s is new enough where %s is needed", async (version, minimum) => {
  await installed(JSON.stringify({ version }));
  expect(check(minimum)).not.toThrow();
});

test.each([["not JSON"], ["{}"], ['{ "version": "latest" }'], ["null"]])(
  "a host whose package.json contains %s is not judged",
  async (manifest) => {
    await installed(manifest);
    expect(check("1.0.0")).not.toThrow();
  },
);

test("a host that is not installed is not judged", () => {
  expect(check("1.0.0")).not.toThrow();
});
