import { describe, expect, test } from "vitest";
import { snippets } from "../support/snippets.js";
import { auth0 } from "./providers/auth0.js";
import { cognito } from "./providers/cognito.js";
import { entra } from "./providers/entra.js";
import { google } from "./providers/google.js";
import { keycloak } from "./providers/keycloak.js";
import { okta } from "./providers/okta.js";
import { platforms } from "./providers/platforms.js";
import { checkCommands, checkStrictness, runProduct } from "./providers/run-product.js";

const pages = ["docs/providers.md"];
const marked = pages
  .flatMap((page) => snippets(new URL("../../", import.meta.url), page))
  .filter(({ language, mark }) => language === "json" && mark !== undefined);

const products = [...entra, okta, ...auth0, ...keycloak, cognito, ...google, ...platforms];

function configOf(mark: string): string {
  const snippet = marked.find((one) => one.mark === mark);
  if (snippet === undefined) throw new Error(`No page has a config with the mark ${mark}.`);
  return snippet.code;
}

describe("the configs for products", () => {
  test("each config on the pages is the config of one product here", () => {
    expect(products.map(({ mark }) => mark).sort()).toEqual(marked.map(({ mark }) => mark).sort());
  });

  for (const product of products) {
    test(product.title, async () => {
      await runProduct(product, configOf(product.mark));
    });

    test(`the stand-in for ${product.mark} refuses every request with one change, and names the change`, async () => {
      expect(await checkStrictness(product, configOf(product.mark))).toBeGreaterThan(20);
    });
  }

  for (const product of products.filter(({ commands }) => commands !== undefined)) {
    test(`the commands for ${product.mark} fail with any other argument`, async () => {
      await checkCommands(product, configOf(product.mark));
    });
  }
});
