import type { McpServer } from "@modelcontextprotocol/server";
import * as z from "zod";

const customers = [
  { id: "c-1", name: "Harbour Bakery", city: "Lisbon" },
  { id: "c-2", name: "Northlight Optics", city: "Oslo" },
  { id: "c-3", name: "Old Mill Paper", city: "Ghent" },
];

const invoices = [
  { id: "i-101", customer: "c-1", amount: 420 },
  { id: "i-102", customer: "c-2", amount: 1250 },
  { id: "i-103", customer: "c-1", amount: 80 },
  { id: "i-104", customer: "c-3", amount: 610 },
];

/** Registers the tools of the CRM. */
export function crmTools(server: McpServer): void {
  server.registerTool("list_customers", { description: "All customers." }, () => answer(customers));
  server.registerTool(
    "find_customer",
    {
      description: "The customers whose name contains this text.",
      inputSchema: z.object({ name: z.string() }),
    },
    ({ name }) =>
      answer(customers.filter((customer) => customer.name.toLowerCase().includes(name.toLowerCase()))),
  );
}

/** Registers the tools of the billing system. */
export function billingTools(server: McpServer): void {
  const inputSchema = z.object({ customer: z.string() });
  const of = (customer: string) => invoices.filter((invoice) => invoice.customer === customer);
  server.registerTool(
    "list_invoices",
    { description: "A customer's invoices.", inputSchema },
    ({ customer }) => answer(of(customer)),
  );
  server.registerTool(
    "invoice_total",
    { description: "The amount that a customer owes.", inputSchema },
    ({ customer }) => answer({ total: of(customer).reduce((sum, { amount }) => sum + amount, 0) }),
  );
}

function answer(value: unknown): { content: [{ type: "text"; text: string }] } {
  return { content: [{ type: "text", text: JSON.stringify(value) }] };
}
