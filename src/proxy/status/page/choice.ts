import { byId, element } from "./elements.js";

/** Fills a fieldset with radio buttons, of which one is chosen. */
export function choice(
  id: string,
  labels: readonly string[],
  chosen: number,
  onChange: (index: number) => void,
): void {
  const options = labels.map((label, index) => {
    const input = element("input", { type: "radio", name: id });
    input.checked = index === chosen;
    input.addEventListener("change", () => onChange(index));
    return element("label", {}, input, element("span", {}, label));
  });
  byId(id, HTMLFieldSetElement).append(...options);
}
