import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import ts from "typescript-eslint";

const config = ts.config(
  { ignores: ["dist", "node_modules", "src/api/wire.gen.ts", "eslint.config.js"] },
  js.configs.recommended,
  ts.configs.strictTypeChecked,
  hooks.configs.flat.recommended,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/consistent-type-definitions": ["error", "type"],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "no-restricted-syntax": [
        "error",
        { selector: "TSEnumDeclaration", message: "Use a union of strings." },
        { selector: "ExportDefaultDeclaration", message: "Use a named export." },
        {
          selector: "ClassDeclaration:not([superClass.name=/Error$/])",
          message: "No class except errors.",
        },
      ],
      "max-lines": ["error", 300],
      eqeqeq: "error",
      "react-hooks/incompatible-library": "off", // no compiler memoizes here
    },
  },
  { files: ["vite.config.ts"], rules: { "no-restricted-syntax": "off" } },
);

export { config as default };
