// The page of a real proxy: what happens appears without a reload, and nothing secret leaves the proxy or the page.

import { complaints, live, openStatus, openTab, untilText } from "./browser.mjs";
import { test } from "./check.mjs";
import { secrets, startWorld } from "./world.mjs";

const row = (page, name) =>
  page.waitForFunction(
    (wanted) =>
      [...document.querySelectorAll(".server")].find(
        (item) => item.querySelector("h3").textContent === wanted,
      ),
    {},
    name,
  );
const levelIs = (page, name, level) =>
  page.waitForFunction(
    (wanted, expected) =>
      [...document.querySelectorAll(".server")].find(
        (item) => item.querySelector("h3").textContent === wanted,
      )?.dataset.level === expected,
    {},
    name,
    level,
  );

export async function liveTests(browser) {
  const world = await startWorld(["crm", "mail"]);
  const { url, origin, state } = world;
  const token = new URL(url).hash.slice(1);
  let tab = await openStatus(browser, url);
  const { page } = tab;

  await test("the token leaves the address at once, and a reload keeps working", async (assert) => {
    assert.equal(page.url(), `${origin}/-/status`);
    await page.reload();
    await live(page);
    assert.equal(page.url(), `${origin}/-/status`);
    assert.equal(await page.evaluate(() => history.length <= 2), true);
  });

  await test("a renewal appears without a reload", async (assert) => {
    await levelIs(page, "crm", "good");
    const marks = () => page.evaluate(() => document.querySelectorAll(".mark.renewal").length);
    const before = await marks();
    state.refused.add(`${secrets.accessToken}-1`).add(`${secrets.accessToken}-2`);
    await world.call("crm");
    await page.waitForFunction(
      (count) => document.querySelectorAll(".timeline .mark.rejected").length > count,
      {},
      0,
    );
    await page.waitForFunction(
      (count) => document.querySelectorAll(".mark.renewal").length > count,
      {},
      before,
    );
    assert.equal(
      await page.$eval("#headline", (element) => element.textContent),
      "All 2 servers have a usable token",
    );
  });

  await test("a failure and the recovery appear without a reload, with what to do", async (assert) => {
    state.refuseClient.add("mail");
    state.refused
      .add(`${secrets.accessToken}-1`)
      .add(`${secrets.accessToken}-2`)
      .add(`${secrets.accessToken}-3`);
    state.refused.add(`${secrets.accessToken}-4`);
    await world.call("mail");
    await levelIs(page, "mail", "bad");
    await untilText(page, "1 of 2 servers refuses its token");
    const name = await page.waitForSelector(".server .expand");
    assert.equal(await name.evaluate((element) => element.textContent), "mail");
    await name.click();
    await untilText(page, "npx mcp-auth-runtime doctor mail");
    await untilText(page, "token_request_rejected");
    assert.match(await page.title(), /^\(1\) /);
    state.refuseClient.clear();
    // The proxy asks again when a pause has ended.
    const again = setInterval(() => void world.call("mail").catch(() => {}), 500);
    await levelIs(page, "mail", "good");
    clearInterval(again);
    await untilText(page, "All 2 servers have a usable token");
    await untilText(page, "a token arrived");
  });

  await test("a server that cannot be reached is a problem although its token is fine, until a call succeeds", async () => {
    state.down.add("crm");
    await world.call("crm");
    await world.call("crm");
    await untilText(page, "1 server fails all calls although its token is fine");
    await levelIs(page, "crm", "bad");
    await (await page.waitForSelector(".server:first-child .expand")).click();
    await untilText(page, "This is not about tokens.");
    await untilText(page, "(unavailable), the token is fine");
    state.down.clear();
    await world.call("crm");
    await levelIs(page, "crm", "good");
    await untilText(page, "2 calls failed: unavailable");
    await untilText(page, "over at");
  });

  await test("a server that refuses each token stays a problem until it accepts a call", async () => {
    state.refuseAll.add("crm");
    await world.call("crm");
    const again = setInterval(() => void world.call("crm").catch(() => {}), 500);
    try {
      await untilText(page, "The MCP server has refused every token since");
      await levelIs(page, "crm", "bad");
      state.refuseAll.clear();
      await untilText(page, "a call was accepted at");
    } finally {
      clearInterval(again);
    }
  });

  await test("a disconnected page says so and since when, and comes back after a restart of the proxy", async (assert) => {
    await world.stopProxy();
    await untilText(page, "Disconnected since");
    assert.equal(await page.$eval("#retry", (button) => button.hidden), false);
    await row(page, "crm");
    await world.restartProxy();
    await page.click("#retry");
    await live(page);
    await untilText(page, "Live");
  });

  await test("no secret is in the page, its requests or its console, and requests go only to its own origin", async (assert) => {
    const html = await page.evaluate(() => document.documentElement.outerHTML + document.cookie);
    const { requests, console: written } = tab.seen;
    const own = [secrets.clientSecret, secrets.accessToken, world.localToken, "canary-of-the-server"];
    const text = JSON.stringify([
      html,
      requests.map(({ url: address, body }) => [address.split("#")[0], body]),
      written,
    ]);
    for (const secret of [...own, token]) assert.equal(text.includes(secret), false, secret);
    for (const request of requests) {
      assert.equal(new URL(request.url).origin, origin);
      for (const [name, value] of Object.entries(request.headers)) {
        for (const secret of own) assert.equal(value.includes(secret), false, name);
        if (value.includes(token)) assert.deepEqual([name, value], ["authorization", `Bearer ${token}`]);
      }
    }
    assert.ok(requests.some(({ headers }) => headers.authorization === `Bearer ${token}`));
    const stored = await page.evaluate(() => [
      localStorage.length,
      document.cookie,
      Object.values(sessionStorage),
    ]);
    assert.deepEqual(stored, [0, "", [token]]);
    assert.deepEqual(await complaints(tab), []);
  });
  await tab.close();

  await test("without a token, and with a wrong one, the page says how to get it, and opens with a pasted address", async (assert) => {
    tab = await openTab(browser);
    await tab.page.goto(`${origin}/-/status`);
    await untilText(tab.page, "npx mcp-auth-runtime status --url");
    assert.deepEqual(
      tab.seen.requests.map((request) => request.url),
      [`${origin}/-/status`],
    );
    assert.equal(await tab.page.evaluate(() => document.activeElement.id), "token");
    await tab.page.keyboard.type("wrong-token");
    await tab.page.keyboard.press("Enter");
    await untilText(tab.page, "The proxy refused the token.");
    assert.equal(await tab.page.evaluate(() => sessionStorage.length), 0);
    await tab.page.keyboard.type(url);
    await tab.page.keyboard.press("Enter");
    await live(tab.page);
    assert.deepEqual(await complaints(tab), []);
    await tab.close();
  });
  await world.close();
}
