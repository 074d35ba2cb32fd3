import { Button } from "@mantine/core";
import { useCallback, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFeature } from "../state/store";
import { Drop } from "./Drop";
import { draw, POSES, type Pose } from "./example";
import { setActions } from "./setActions";

/** The first visit: five pictures of one thing, which is all that is needed. */
export function Welcome(): ReactNode {
  const { t } = useTranslation();
  const { create, add, example, run } = useFeature(setActions);
  const [busy, setBusy] = useState(false);

  function begin(work: () => Promise<unknown>): void {
    setBusy(true);
    run(() => work().finally(() => setBusy(false)));
  }

  return (
    <section className="empty training-welcome">
      <h2>{t("ui.training.welcome.title")}</h2>
      <p>{t("ui.training.welcome.text")}</p>
      <div className="welcome-five" role="img" aria-label={t("ui.training.welcome.five")}>
        {POSES.map((pose, place) => (
          <Drawn key={place} pose={pose} />
        ))}
      </div>
      <Button loading={busy} onClick={() => begin(example)}>{t("ui.training.welcome.example")}</Button>
      <Drop
        label={t("ui.training.welcome.own")}
        onFiles={(files) => {
          if (files.length > 0) begin(async () => add(await create(t("ui.dataset.first_name")), files));
        }}
      >
        <p className="quiet">{t("ui.dataset.drop_hint")}</p>
      </Drop>
    </section>
  );
}

function Drawn({ pose }: { pose: Pose }): ReactNode {
  const paint = useCallback((canvas: HTMLCanvasElement | null) => {
    const pen = canvas?.getContext("2d");
    if (pen) draw(pen, pose, 192);
  }, [pose]);
  return <canvas ref={paint} width={192} height={192} />;
}
