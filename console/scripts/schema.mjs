// Makes the types of Baton's own API from its description, unless they are made of it already. They are not kept: whoever
// builds or checks the console makes them.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const description = readFileSync(new URL("../../docs/reference/openapi.json", import.meta.url));
const target = new URL("../src/api/schema.d.ts", import.meta.url);
const of = createHash("sha256")
  .update(description)
  .update(readFileSync(new URL(import.meta.url)))
  .digest("hex");
const first = `// Made by scripts/schema.mjs from docs/reference/openapi.json (${of}).\n`;

if (!existsSync(target) || !readFileSync(target, "utf8").startsWith(first)) {
  const blob = ts.factory.createTypeReferenceNode("Blob");
  const types = await openapiTS(JSON.parse(description), {
    // A body that is a file.
    transform: (schema) => (schema.format === "binary" ? blob : undefined),
    // A request may leave out what has a default; an answer never does.
    defaultNonNullable: false,
  });
  writeFileSync(target, first + astToString(types));
}
