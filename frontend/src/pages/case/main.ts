/** How far a customer's case has come, by its number and key. */
import { createApp } from 'vue'
import { t } from '../../chat/i18n'
import { speak } from '../language'
import '../page.css'
import './case.css'
import CasePage from './CasePage.vue'

speak()
document.title = t('progress.title')
createApp(CasePage).mount('#app')
