import "./ui/mantine.css";
import "./ui/tokens.css";
import "./ui/app.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { I18nextProvider } from "react-i18next";
import { createHttp } from "./api/http";
import type { Connection } from "./api/socket";
import { watchNotices } from "./app/notify";
import { Root } from "./app/Root";
import { changeLanguage, createWords, fetchLanguages, firstLanguage } from "./i18n";
import { createActions } from "./state/actions";
import { goLive } from "./state/live";
import { refusalOf } from "./state/reason";
import { reduce } from "./state/reducer";
import { keep, restored, storage } from "./state/saved";
import { createStore, StudioContext } from "./state/store";
import { createTools } from "./state/tools";

/** Open the page: what was left here, the words, then the line to the server. */
async function open(): Promise<void> {
  const box = storage();
  const store = createStore(reduce, restored(box));
  keep(store, box);
  const [words, spoken] = await Promise.all([createWords(), fetchLanguages()]);
  const chosen = store.get().preferences.language;
  await changeLanguage(words, firstLanguage(chosen, navigator.languages, spoken));
  let live: Connection | null = null;
  const http = createHttp(() => words.language, (problem) => refusalOf((key, params) => words.t(key, params), problem));
  const tools = createTools(store, http, (key, params) => words.t(key, params ?? {}));
  const actions = createActions(tools, connect);

  function connect(): void {
    live?.close();
    live = goLive(store, actions);
    actions.run(actions.loadQueue); // asks for a token where one is needed
  }

  let { language } = store.get().preferences;
  store.subscribe(() => {
    if (store.get().signedOut) {
      live?.close();
      live = null;
    }
    const wanted = store.get().preferences.language;
    if (wanted === language || wanted === null) return;
    language = wanted;
    changeLanguage(words, wanted).then(() => store.send({ type: "local.language" })).catch(actions.fail);
  });
  watchNotices(store, tools.t);
  connect();
  const root = document.getElementById("root");
  if (!root) throw new TypeError("The page has no root");
  createRoot(root).render(
    <StrictMode>
      <I18nextProvider i18n={words}>
        <StudioContext value={{ store, tools, actions }}>
          <Root />
        </StudioContext>
      </I18nextProvider>
    </StrictMode>,
  );
}

void open();
