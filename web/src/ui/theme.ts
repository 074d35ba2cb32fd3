import {
  createTheme, defaultVariantColorsResolver,
  type CSSVariablesResolver, type MantineColorsTuple, type VariantColorsResolver,
} from "@mantine/core";

const SUN: MantineColorsTuple = [
  "#fff7e6", "#ffecc7", "#fddb9b", "#fac96c", "#f7b744",
  "#f5a524", "#d98d12", "#c2740b", "#b45309", "#8a3f07",
];

/** Words on the accent: Mantine would choose them by the light theme's shade alone. */
const colors: VariantColorsResolver = (input) => {
  const resolved = defaultVariantColorsResolver(input);
  return input.variant === "filled" ? { ...resolved, color: "var(--on-accent)" } : resolved;
};

/** The tokens of `tokens.css`, in the names that Mantine reads. */
export const theme = createTheme({
  colors: { sun: SUN },
  primaryColor: "sun",
  primaryShade: { dark: 5, light: 8 },
  variantColorResolver: colors,
  fontFamily: "var(--font)",
  fontFamilyMonospace: "var(--mono)",
  fontSizes: {
    xs: "var(--size-s)", sm: "var(--size-m)", md: "var(--size-m)", lg: "var(--size-l)",
    xl: "var(--size-xl)",
  },
  radius: {
    xs: "4px", sm: "var(--radius)", md: "var(--radius)", lg: "var(--radius)", xl: "var(--radius)",
  },
  defaultRadius: "md",
  components: {
    Checkbox: { defaultProps: { radius: "xs" } }, // else as round as a radio
    ComboboxTarget: { defaultProps: { withExpandedAttribute: true } }, // else nobody hears that there is a list
  },
  focusRing: "auto",
  respectReducedMotion: true,
  cursorType: "pointer",
});

const SHARED = {
  "--mantine-color-body": "var(--ground)",
  "--mantine-color-text": "var(--text)",
  "--mantine-color-dimmed": "var(--quiet)",
  "--mantine-color-placeholder": "var(--quiet)",
  "--mantine-color-default": "var(--surface)",
  "--mantine-color-default-hover": "var(--raised)",
  "--mantine-color-default-color": "var(--text)",
  "--mantine-color-default-border": "var(--line-strong)",
  "--mantine-color-error": "var(--error)",
  "--mantine-color-disabled": "var(--raised)",
  "--mantine-color-disabled-color": "var(--quiet)",
  "--mantine-color-disabled-border": "var(--line)",
  "--mantine-primary-color-filled": "var(--accent)",
  "--mantine-primary-color-contrast": "var(--on-accent)",
};

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: SHARED,
  dark: SHARED,
});
