// The page with states that a test makes up: a bad night, hostile texts, ten thousand servers.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { complaints, openStatus, untilText } from "./browser.mjs";
import { test } from "./check.mjs";
import { night } from "./night.mjs";
import { startStage } from "./stage.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Returns what axe-core finds, one line for each. */
async function accessibilityProblems(page) {
  // By the debugger, because the policy of the page forbids any other script.
  const session = await page.createCDPSession();
  await session.send("Page.setBypassCSP", { enabled: true });
  await session.send("Runtime.evaluate", { expression: axe });
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`),
  );
}

/** Returns the elements whose content is cut off or lies outside of the window. */
function overflowing(page) {
  return page.evaluate(() => {
    const isMeant = (element) =>
      element.matches(".hidden, .hidden *, .timeline, .timeline *, .bar, .bar *, .choice input");
    const found = [];
    if (document.documentElement.scrollWidth > innerWidth) found.push("the page");
    for (const element of document.querySelectorAll("body *")) {
      if (isMeant(element) || element.getClientRects().length === 0) continue;
      const { left, right } = element.getBoundingClientRect();
      if (left < -0.5 || right > innerWidth + 0.5) found.push(`outside: ${element.outerHTML.slice(0, 100)}`);
      const { overflowX } = getComputedStyle(element);
      if (overflowX === "hidden" && element.scrollWidth > element.clientWidth + 1)
        found.push(`cut: ${element.outerHTML.slice(0, 100)}`);
    }
    return found;
  });
}

export async function stageTests(browser) {
  const stage = await startStage(night(Date.now()));
  const open = (options) => openStatus(browser, stage.url, options);

  for (const scheme of ["light", "dark"]) {
    await test(`axe-core finds nothing in ${scheme} colors, with details open`, async (assert) => {
      const tab = await open({ scheme });
      for (const button of (await tab.page.$$(".expand")).slice(0, 5)) await button.click();
      await untilText(tab.page, "What happened");
      assert.deepEqual(await accessibilityProblems(tab.page), []);
      await tab.close();
    });
  }

  await test("dark and light differ, and less motion means no transition", async (assert) => {
    const look = async (options) => {
      const tab = await open(options);
      const found = await tab.page.evaluate(() => [
        getComputedStyle(document.body).backgroundColor,
        getComputedStyle(document.querySelector(".bar i")).transitionDuration,
      ]);
      await tab.close();
      return found;
    };
    const [light, moving] = await look({ scheme: "light" });
    const [dark] = await look({ scheme: "dark" });
    assert.notEqual(light, dark);
    assert.notEqual(moving, "0s");
    const [, still] = await look({ features: [{ name: "prefers-reduced-motion", value: "reduce" }] });
    assert.equal(still, "0s");
  });

  await test("at 200 % zoom of a window of 1280 pixels nothing is cut off, and there is no horizontal scroll bar", async (assert) => {
    for (const width of [640, 1280, 320]) {
      const tab = await open({ width, height: 450 });
      for (const button of await tab.page.$$(".expand")) await button.click();
      await untilText(tab.page, "What happened");
      assert.deepEqual(await overflowing(tab.page), [], `${width} pixels`);
      await tab.close();
    }
  });

  await test("everything can be reached and read with the keyboard, and the focus is visible", async (assert) => {
    const tab = await open();
    const { page } = tab;
    const reached = [];
    for (let step = 0; step < 20; step += 1) {
      await page.keyboard.press("Tab");
      reached.push(
        await page.evaluate(
          () =>
            document.activeElement.id || document.activeElement.name || document.activeElement.textContent,
        ),
      );
      if (reached.at(-1) === "crm") break;
    }
    assert.deepEqual(reached.slice(0, 4), ["shown", "filter", "window", "billing"]);
    const outline = await page.evaluate(
      () => getComputedStyle(document.activeElement.closest(".row")).outlineStyle,
    );
    assert.equal(outline, "solid");
    await page.keyboard.press("Enter");
    const details = await page.waitForSelector("#servers .server:has([aria-expanded=true]) .details");
    const text = await details.evaluate((element) => element.textContent);
    assert.match(text, /No new token 41 times: unavailable/);
    assert.match(text, /a token arrived at [^·]+, 1 h 13 min after the beginning/);
    assert.match(text, /New key or certificate/);
    assert.match(text, /agent-2026-11/);
    await page.keyboard.press("Space");
    await page.waitForFunction(() => document.querySelector("[aria-expanded=true]") === null);
    await page.focus("#filter");
    await page.keyboard.type("keycloak nothing");
    await untilText(page, "No server matches the filter.");
    await tab.close();
  });

  await test("a change of state is announced once, and a tick is not", async (assert) => {
    const tab = await open();
    const { page } = tab;
    const announced = () => page.$eval("#announcement", (element) => element.textContent);
    const life = () => page.$eval(".life", (element) => element.textContent);
    const before = await life();
    await page.waitForFunction((text) => document.querySelector(".life").textContent !== text, {}, before);
    assert.equal(await announced(), "");
    const lastError = { code: "timeout", message: "Too slow.", findings: [] };
    stage.send("servers", { servers: [{ server: "mail", state: "cooldown", lastError }], removed: [] });
    await page.waitForFunction(() => document.getElementById("announcement").textContent !== "");
    assert.equal(await announced(), "mail: cooldown, timeout.");
    // It has moved to the problems, at the top.
    await page.waitForFunction(() => document.querySelectorAll("h3")[1].textContent === "mail");
    assert.equal(await page.$$eval("h3", (all) => all[2].textContent), "search");
    await tab.close();
  });

  await test("times are in the zone of the viewer, with UTC beside them", async (assert) => {
    const tab = await open();
    await tab.page.click(".expand");
    const { text, title, datetime } = await tab.page.$eval(
      ".details time",
      ({ textContent, title: utc, dateTime }) => ({
        ...{ text: textContent, title: utc, datetime: dateTime },
      }),
    );
    const berlin = new Intl.DateTimeFormat("en", {
      timeZone: "Europe/Berlin",
      timeStyle: "medium",
      hourCycle: "h23",
    });
    assert.ok(text.endsWith(berlin.format(new Date(datetime))), text);
    assert.equal(title, `${datetime.slice(0, 19).replace("T", " ")} UTC`);
    await tab.close();
  });
  await stage.close();

  await test("hostile texts are shown as text, and no policy is violated", async (assert) => {
    const hostile = `"><img src=x onerror="document.title='owned'"><script>document.title='owned'</script>\u202e</style>`;
    const now = Date.now();
    const entry = {
      kind: "failed",
      at: now - 5_000,
      lastAt: now,
      count: 2,
      reasons: [hostile],
      code: hostile,
      oauthError: hostile,
      message: hostile,
    };
    const view = {
      ...{ server: hostile, state: hostile, kid: hostile, expiresAt: now + 60_000, rejectedAt: now },
      lastError: { code: hostile, message: hostile.repeat(20), findings: [hostile] },
      history: {
        issuer: hostile,
        renewals: [[now, hostile]],
        renewalCount: 1,
        firstRenewalAt: now,
        entries: [entry],
        dropped: 1,
      },
    };
    const { proxy } = night(now);
    const attacked = await startStage({
      proxy: { ...proxy, store: { failure: hostile }, version: hostile },
      servers: [view],
    });
    const tab = await openStatus(browser, attacked.url);
    await tab.page.click(".expand");
    await untilText(tab.page, "What happened");
    const shown = await tab.page.evaluate(() => [
      document.querySelectorAll("img, main script").length,
      document.body.textContent,
    ]);
    assert.equal(shown[0], 0);
    assert.ok(shown[1].split("onerror").length > 10);
    assert.equal(await tab.page.title(), "(1) Token status");
    assert.deepEqual(await overflowing(tab.page), []);
    assert.deepEqual(await complaints(tab), []);
    await tab.close();
    await attacked.close();
  });

  await test("ten thousand servers are shown in pages, problems first, and can be filtered", async (assert) => {
    const now = Date.now();
    const servers = Array.from({ length: 10_000 }, (_, index) => ({
      ...{ server: `server-${index}`, state: "fresh", expiresAt: now + 600_000 },
      history: {
        renewals: [[now - 1_000, "expiry"]],
        renewalCount: 1,
        firstRenewalAt: now - 1_000,
        entries: [],
        dropped: 0,
      },
    }));
    const lastError = { code: "timeout", message: "Too slow.", findings: [] };
    servers[7_777] = { server: "server-7777", state: "cooldown", lastError };
    const crowd = await startStage({ proxy: night(now).proxy, servers });
    const tab = await openStatus(browser, crowd.url);
    const { page } = tab;
    await untilText(page, "1 of 10000 servers has no usable token");
    const names = () => page.$$eval("h3", (all) => all.map((element) => element.textContent));
    assert.equal((await names()).length, 50);
    assert.deepEqual((await names()).slice(0, 3), ["server-7777", "server-0", "server-1"]);
    await page.click("#next");
    assert.equal((await names())[0], "server-49");
    await untilText(page, "51–100 of 10,000");
    await page.type("#filter", "server-1234");
    assert.deepEqual(await names(), ["server-1234"]);
    // What one look of the proxy sends at most.
    const changed = servers.slice(0, 1_000).map((view) => ({ ...view, state: "stale" }));
    const busy = await page.metrics();
    for (let part = 0; part < 4; part += 1)
      crowd.send("servers", { servers: changed.slice(part * 250, part * 250 + 250), removed: [] });
    await page.click("#filter", { count: 3 });
    await page.keyboard.press("Backspace");
    await page.waitForFunction(() => document.querySelectorAll(".server").length === 50);
    const { TaskDuration, JSHeapUsedSize } = await page.metrics();
    const figures = `${Math.round((TaskDuration - busy.TaskDuration) * 1_000)} ms of work for 1000 changes`;
    console.log(`      10,000 servers: ${figures}, ${Math.round(JSHeapUsedSize / 1_048_576)} MiB of heap`);
    assert.deepEqual(await complaints(tab), []);
    await tab.close();
    await crowd.close();
  });
}
