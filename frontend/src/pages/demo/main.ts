/** The demo shop: what `./prelude serve` shows at `/`. */
import { createApp } from 'vue'
import { speak } from '../language'
import '../page.css'
import './demo.css'
import Demo from './Demo.vue'

speak()
createApp(Demo).mount('#app')
