import { Button } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "../ui/icons";

type Props = { page: string; children: ReactNode };
type Caught = { error: Error | null; page: string };

/** Keep a page that breaks from taking the others with it. */
// eslint-disable-next-line no-restricted-syntax -- React catches errors in classes only
export class Boundary extends Component<Props, Caught> {
  override state: Caught = { error: null, page: this.props.page };

  static getDerivedStateFromError(error: unknown): Partial<Caught> {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  static getDerivedStateFromProps({ page }: Props, state: Caught): Caught | null {
    return page === state.page ? null : { error: null, page }; // another page has done nothing
  }

  override render(): ReactNode {
    return this.state.error === null ? this.props.children : <Broken error={this.state.error} />;
  }
}

function Broken({ error }: { error: Error }): ReactNode {
  const { t } = useTranslation();
  return (
    <div className="empty" role="alert">
      <h1>{t("ui.broken.title")}</h1>
      <p>{t("ui.broken.text")}</p>
      <p className="mono" dir="ltr">{error.message}</p>
      <Button leftSection={<Icon name="again" />} onClick={() => window.location.reload()}>
        {t("ui.broken.reload")}
      </Button>
    </div>
  );
}
