// Debian's Chromium, and what a page does in it: its requests, its console, and violations of its policy.
import { existsSync } from "node:fs";
import { launch } from "puppeteer-core";

/** Milliseconds after which a test hangs. No machine is that slow. */
export const hangLimit = 300_000;

/** Fails if there is no Chromium. */
export async function startBrowser() {
  const places = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser"];
  const executablePath = places.find((place) => place && existsSync(place));
  if (executablePath === undefined)
    throw new Error(
      "There is no Chromium. Install it: apt-get install chromium, or set CHROMIUM to its path.",
    );
  // Root needs it, and a container has no user namespaces. Only pages of this project are opened.
  return await launch({
    executablePath,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb", "--disable-lcd-text"],
  });
}

/** Opens a tab. `seen` is everything that leaves the page or that it reports. */
export async function openTab(
  browser,
  { width = 1280, height = 900, scheme = "light", features = [], deviceScaleFactor = 1 } = {},
) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(hangLimit);
  await page.setViewport({ width, height, deviceScaleFactor });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }, ...features]);
  await page.emulateTimezone("Europe/Berlin");
  const seen = { requests: [], console: [], errors: [] };
  page.on("request", (request) => {
    seen.requests.push({ url: request.url(), headers: request.headers(), body: request.postData() ?? "" });
  });
  page.on("console", (message) => seen.console.push(message.text()));
  page.on("pageerror", (error) => seen.errors.push(error.message));
  await page.evaluateOnNewDocument(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", (event) =>
      globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  return { page, seen, close: () => context.close() };
}

/** Opens the status page with the address that `status --url` prints, and waits until it shows the servers. */
export async function openStatus(browser, url, options) {
  const tab = await openTab(browser, options);
  await tab.page.goto(url);
  await live(tab.page);
  return tab;
}

export async function live(page) {
  await page.waitForSelector('#connection[data-state="live"]');
  await page.waitForFunction(() => !document.getElementById("status").hidden);
}

/** Waits until what the page shows contains a text. */
export async function untilText(page, text) {
  await page.waitForFunction(
    (wanted) =>
      [...document.querySelectorAll("header, main:not([hidden])")].some((part) =>
        part.textContent.includes(wanted),
      ),
    {},
    text,
  );
}

/** What a policy blocked, and what the page wrote or threw. Must be nothing. */
export async function complaints({ page, seen }) {
  const violations = await page.evaluate(() => globalThis.violations);
  // Chromium itself writes a line for each request that fails, such as one to a proxy that is restarted.
  const written = seen.console.filter((text) => !/^Failed to load resource/.test(text));
  return [...violations, ...written, ...seen.errors];
}
