// What is drawn: legend, switches and how many there are of each; folded until somebody wants it.
import { Icon } from "../../shared/icons";
import { LayerPanel } from "../../shared/layer_panel";
import { counted, layersOpen } from "./counts";
import { own } from "./words";

export function Layers() {
  const text = own.value;
  const open = layersOpen.value;
  return (
    <section class={`glass wall-layers${open ? " open" : ""}`} data-panel="layers" aria-label={text.layers}>
      <button type="button" class="wall-layers-head" aria-expanded={open} aria-controls="wall-layers-body" data-act="layers"
        title={open ? text.layersClose : text.layersOpen} onClick={() => (layersOpen.value = !open)}>
        <Icon name="layers" /><span>{text.layers}</span>
      </button>
      {open && <div id="wall-layers-body" class="wall-layers-body"><LayerPanel counted={counted.value} /></div>}
    </section>
  );
}
