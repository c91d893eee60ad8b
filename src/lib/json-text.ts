// Parts of valid JSON as they were written. Parsing and writing them again would change large numbers.

/** Returns the elements of an array, none for anything else. */
export function elementsOf(json: string): string[] {
  return itemsOf(json, "[");
}

/** Returns the members of an object by name, none for anything else. Of those with the same name, the last one counts. */
export function membersOf(json: string): Map<string, string> {
  return new Map(itemsOf(json, "{").map(memberOf));
}

/** Returns the text of an object with these members. */
export function objectText(members: ReadonlyMap<string, string>): string {
  return `{${Array.from(members, ([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}

function memberOf(member: string): [name: string, value: string] {
  const end = endOfString(member, 0);
  const name: string = JSON.parse(member.slice(0, end));
  return [name, member.slice(member.indexOf(":", end) + 1).trim()];
}

function itemsOf(json: string, opening: "[" | "{"): string[] {
  if (!json.trimStart().startsWith(opening)) return [];
  const items: string[] = [];
  const mark = /["[\]{},]/g;
  let depth = 0;
  let start = 0;
  for (let found = mark.exec(json); found !== null; found = mark.exec(json)) {
    const { 0: character, index } = found;
    if (character === '"') mark.lastIndex = endOfString(json, index);
    else if (character === "[" || character === "{") {
      depth += 1;
      if (depth === 1) start = index + 1;
    } else {
      const isEnd = character !== ",";
      if (isEnd) depth -= 1;
      if (depth !== (isEnd ? 0 : 1)) continue;
      items.push(json.slice(start, index).trim());
      start = index + 1;
    }
  }
  // Between the brackets of an empty array or object is nothing.
  return items.filter((item) => item !== "");
}

/** Returns the index after the string that begins at `start`. */
function endOfString(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  while (isEscaped(json, end)) end = json.indexOf('"', end + 1);
  return end + 1;
}

function isEscaped(json: string, index: number): boolean {
  let first = index;
  while (json.charAt(first - 1) === "\\") first -= 1;
  return (index - first) % 2 === 1;
}
