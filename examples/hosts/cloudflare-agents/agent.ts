/// <reference types="@cloudflare/workers-types" />
import { openai } from "@ai-sdk/openai";
import { Agent, getAgentByName } from "agents";
import { generateText, stepCountIs } from "ai";
import { createMcpAuth } from "mcp-auth-runtime";
import { transportOptions } from "mcp-auth-runtime/hosts/mcp-sdk";
import config from "./mcp-auth.config.json";

export class Clerk extends Agent {
  override async onStart() {
    const auth = await createMcpAuth({ config, logger: console });
    const crm = auth.resolve("crm");
    const transport = { type: "streamable-http", ...transportOptions(crm) } as const;
    await this.mcp.connect(crm.url, { reconnect: { id: "crm" }, transport });
  }

  override async onRequest(request: Request) {
    const model = openai("gpt-5");
    const tools = this.mcp.getAITools();
    const answer = await generateText({
      model,
      tools,
      prompt: await request.text(),
      stopWhen: stepCountIs(5),
    });
    return new Response(answer.text);
  }
}

export default {
  async fetch(request: Request, env: { Clerk: DurableObjectNamespace<Clerk> }) {
    return (await getAgentByName(env.Clerk, "main")).fetch(request);
  },
};
