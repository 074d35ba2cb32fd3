import { DirectionProvider, MantineProvider, useComputedColorScheme, useDirection } from "@mantine/core";
import { useLayoutEffect, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { directionOf } from "../i18n";
import { useSelect } from "../state/store";
import { theme, variables } from "../ui/theme";
import { App } from "./App";

/** Give every page its theme, its language and its direction. */
export function Root(): ReactNode {
  const scheme = useSelect((state) => state.preferences.theme);
  return (
    <DirectionProvider detectDirection={false}>
      <MantineProvider
        theme={theme}
        cssVariablesResolver={variables}
        defaultColorScheme={scheme}
        {...(scheme === "auto" ? {} : { forceColorScheme: scheme })}
        key={scheme === "auto" ? "auto" : "chosen"}
      >
        <Framed />
        <Directed />
      </MantineProvider>
    </DirectionProvider>
  );
}

const SURFACE = { dark: "#1c1917", light: "#fffefc" } as const; // of `tokens.css`, before it is applied

/** Colour the browser's own frame like the page. */
function Framed(): null {
  const scheme = useComputedColorScheme("dark");
  useLayoutEffect(() => {
    document.querySelector('meta[name="theme-color"]')?.setAttribute("content", SURFACE[scheme]);
  }, [scheme]);
  return null;
}

function Directed(): ReactNode {
  const { i18n } = useTranslation();
  const { setDirection } = useDirection();
  useLayoutEffect(() => {
    document.documentElement.lang = i18n.language;
    setDirection(directionOf(i18n.language));
  }, [i18n.language, setDirection]);
  return <App />;
}
