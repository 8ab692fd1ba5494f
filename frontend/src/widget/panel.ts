/** The entry of `widget/panel.js`: the window, loaded with the first click. */
import { reactive } from 'vue'
import chatStyles from '../chat/styles/index.css?inline'
import { useWords } from '../chat/i18n'
import Panel from './Panel.vue'
import styles from './styles/index.css?inline'
import { mount } from './vue'
import type { PanelPart, Parts } from './parts'

const panel: PanelPart = {
  styles: chatStyles + styles,
  mount(place, controller, words, locale) {
    useWords(locale, words)
    controller.chat.observeWith(reactive)
    return mount(Panel, { controller }, place)
  },
}

interface PanelHost {
  bringPart<Name extends keyof Parts>(name: Name, part: Parts[Name]): void
}

const host = customElements.get('prelude-chat') as unknown as PanelHost | undefined
host?.bringPart('panel', panel)
