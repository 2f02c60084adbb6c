// Makes TypeScript types of an AsyncAPI document with two generators: node generate.mjs DOCUMENT DIRECTORY
import fs from "node:fs";
import path from "node:path";
import { TypeScriptGenerator } from "@asyncapi/modelina";
import { compile } from "json-schema-to-typescript";

const [, , source, into] = process.argv;
const document = JSON.parse(fs.readFileSync(source, "utf8"));

const generator = new TypeScriptGenerator({
  modelType: "interface",
  enumType: "union",
  mapType: "record",
  rawPropertyNames: true,
  processorOptions: { interpreter: { ignoreAdditionalProperties: true } },
});
const models = await generator.generate(document);
fs.writeFileSync(path.join(into, "modelina.ts"), models.map((model) => `export ${model.result}`).join("\n\n"));

// This one reads JSON Schema: the schemas of the document, as definitions.
const definitions = JSON.parse(
  JSON.stringify(document.components.schemas).replaceAll("#/components/schemas/", "#/definitions/"),
);
const names = Object.keys(definitions);
const root = {
  type: "object",
  additionalProperties: false,
  properties: Object.fromEntries(names.map((name) => [name, { $ref: `#/definitions/${name}` }])),
  definitions,
};
const types = await compile(root, "Homecall", { additionalProperties: false, bannerComment: "", format: false });
fs.writeFileSync(path.join(into, "json-schema-to-typescript.ts"), types);
