// The picture of the status page in the documentation. `--update` takes it again; otherwise this checks that the sources
// of the page have not changed since.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openStatus } from "./browser.mjs";
import { test } from "./check.mjs";
import { night } from "./night.mjs";
import { startStage } from "./stage.mjs";

const root = join(import.meta.dirname, "../..");
const images = join(root, "docs/images");
const names = ["status-page.png", "status-page-dark.png"];
const record = join(import.meta.dirname, "pictures.json");
/** Bytes. The documentation is part of the package. */
const largest = 120_000;

export async function pictures(browser, isUpdate) {
  const hash = await hashOfSources();
  if (isUpdate) {
    await mkdir(images, { recursive: true });
    const stage = await startStage({
      ...night(Date.UTC(2026, 10, 30, 8)),
      now: Date.UTC(2026, 10, 30, 8),
      port: 8484,
    });
    for (const [index, scheme] of ["light", "dark"].entries()) {
      const tab = await openStatus(browser, stage.url, { scheme, width: 1180 });
      if (scheme === "dark") await tab.page.click(".expand");
      await tab.page.evaluate(() => document.activeElement.blur());
      await tab.page.mouse.move(0, 0);
      // The first one ends below the list, the second one shows the details of one server.
      const bottom = await tab.page.$eval(".legend", (element) =>
        Math.ceil(element.getBoundingClientRect().bottom),
      );
      const clip = { x: 0, y: 0, width: 1180, height: index === 0 ? bottom + 8 : 540 };
      await tab.page.screenshot({ path: join(images, names[index]), clip });
      await tab.close();
    }
    await stage.close();
    await writeFile(record, `${JSON.stringify({ sources: hash }, null, 2)}\n`);
  }
  await test("the pictures in docs/images show the page as it is: else run npm run test:pages -- --update", async (assert) => {
    assert.equal(JSON.parse(await readFile(record, "utf8")).sources, hash);
    for (const name of names) assert.ok((await stat(join(images, name))).size < largest, name);
  });
}

/** Everything that decides how the picture looks, but for the browser and its fonts. */
async function hashOfSources() {
  const folder = join(root, "src/proxy/status/page");
  const files = (await readdir(folder))
    .filter((name) => name !== "tsconfig.json")
    .map((name) => join(folder, name));
  const hash = createHash("sha256");
  for (const file of [...files.sort(), join(import.meta.dirname, "night.mjs")])
    hash.update(await readFile(file));
  return hash.digest("hex");
}
