// Platforms that call a `fetch` handler in Node: Vercel, Netlify and others.
import { ask } from "./crm.mjs";

export default {
  async fetch(request) {
    return new Response(await ask(await request.text()));
  },
};
