import { lazy, Suspense, useCallback, useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { GeneratePage } from "../generate/GeneratePage";
import { useSelect, useTools } from "../state/store";
import { Boundary } from "./Boundary";
import { Connection } from "./Connection";
import { useDrops } from "./drops";
import { useFocusReturn } from "./focus";
import { Guide } from "./Guide";
import { useKeys } from "./keys";
import { Nav } from "./Nav";
import { pictureOf, useRoute, type Route } from "./route";
import { Toasts } from "./Toasts";

const GalleryPage = lazy(async () => ({
  default: (await import("../gallery/GalleryPage")).GalleryPage,
}));
const FullView = lazy(async () => ({ default: (await import("../gallery/FullView")).FullView }));
const CanvasPage = lazy(async () => ({ default: (await import("../canvas/CanvasPage")).CanvasPage }));
const WorkflowPage = lazy(async () => ({
  default: (await import("../workflow/WorkflowPage")).WorkflowPage,
}));
const TrainingPage = lazy(async () => ({
  default: (await import("../training/TrainingPage")).TrainingPage,
}));
const ModelsPage = lazy(async () => ({ default: (await import("../models/ModelsPage")).ModelsPage }));
const SettingsPage = lazy(async () => ({
  default: (await import("../settings/SettingsPage")).SettingsPage,
}));
const SignIn = lazy(async () => ({ default: (await import("./SignIn")).SignIn }));
const Shortcuts = lazy(async () => ({ default: (await import("./Shortcuts")).Shortcuts }));

/** The frame around every page: navigation, the line's state, toasts, what lies on top. */
export function App(): ReactNode {
  const { t } = useTranslation();
  const route = useRoute();
  const picture = pictureOf(route);
  const signedOut = useSelect((state) => state.signedOut);
  const [help, setHelp] = useState(false);
  const keys = useMemo(() => ({ "?": () => setHelp(true) }), []);
  useKeys(keys);
  useFocusReturn();
  const { toast } = useTools();
  useDrops(useCallback(() => toast(t("ui.drop.none"), null, "error"), [t, toast]));
  return (
    <div className="app">
      <a className="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById("main")?.focus();
      }}>
        {t("ui.skip")}
      </a>
      <Nav page={route.page} onHelp={() => setHelp(true)} />
      <div className="app-top">
        <Connection />
        {route.page === "generate" && <Guide />}
      </div>
      <main id="main" tabIndex={-1}>
        <Boundary page={route.page}>
          <Suspense fallback={<div className="page" aria-busy="true" />}>
            <Shown route={route} />
          </Suspense>
        </Boundary>
      </main>
      <Suspense fallback={null}>
        {picture !== null && <FullView page={route.page} id={picture} />}
        {help && <Shortcuts onClose={() => setHelp(false)} />}
        {signedOut && <SignIn />}
      </Suspense>
      <Toasts />
    </div>
  );
}

function Shown({ route }: { route: Route }): ReactNode {
  const covered = pictureOf(route) !== null;
  switch (route.page) {
    case "generate":
      return <GeneratePage covered={covered} />;
    case "gallery":
      return <GalleryPage covered={covered} />;
    case "canvas":
      return <CanvasPage rest={route.rest} />;
    case "workflow":
      return <WorkflowPage rest={route.rest} />;
    case "training":
      return <TrainingPage rest={route.rest} />;
    case "models":
      return <ModelsPage rest={route.rest} />;
    case "settings":
      return <SettingsPage rest={route.rest} />;
  }
}
